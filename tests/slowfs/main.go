// Command slowfs mounts a directory a second time, by FUSE, slowly and unreliably:
//
//	slowfs [-delay DURATION] DIRECTORY MOUNTPOINT
//
// It is a filesystem for tests that another process answers for. Lookups, opens and reads take the delay. A read of a file whose name
// ends in ".eio" fails, as from a broken disk, beyond its first 64 KiB. It ends when the mount point is unmounted.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

var delay = flag.Duration("delay", time.Millisecond, "time that a lookup, an open and a read take")

// readableBytes is how much of a file with a fault can be read.
const readableBytes = 64 << 10

func main() {
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if err := serve(flag.Arg(0), flag.Arg(1)); err != nil {
		fmt.Fprintln(os.Stderr, "slowfs:", err)
		os.Exit(1)
	}
}

func serve(directory, mountpoint string) error {
	var stat syscall.Stat_t
	if err := syscall.Stat(directory, &stat); err != nil {
		return fmt.Errorf("%s: %w", directory, err)
	}
	root := &fs.LoopbackRoot{Path: directory, Dev: stat.Dev, NewNode: newNode} //nolint:staticcheck // what replaces NewNode gets no names
	server, err := fs.Mount(mountpoint, newNode(root, nil, "", &stat), &fs.Options{
		// A depth that the kernel refuses: since Linux 6.9 it would read the files below by itself.
		MountOptions: fuse.MountOptions{DirectMountStrict: true, AllowOther: true, FsName: directory, Name: "slowfs", MaxStackDepth: -1},
	})
	if err != nil {
		return err
	}
	server.Wait()
	return nil
}

// node is a file or directory.
type node struct {
	fs.LoopbackNode
	faulty bool
}

var (
	_ fs.NodeLookuper = (*node)(nil)
	_ fs.NodeOpener   = (*node)(nil)
	_ fs.NodeReader   = (*node)(nil)
)

func newNode(root *fs.LoopbackRoot, _ *fs.Inode, name string, _ *syscall.Stat_t) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: root}, faulty: strings.HasSuffix(name, ".eio")}
}

// Lookup implements fs.NodeLookuper.
func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	time.Sleep(*delay)
	return n.LoopbackNode.Lookup(ctx, name, out)
}

// Open implements fs.NodeOpener.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	time.Sleep(*delay)
	return n.LoopbackNode.Open(ctx, flags)
}

// Read implements fs.NodeReader.
func (n *node) Read(ctx context.Context, file fs.FileHandle, dest []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	time.Sleep(*delay)
	if n.faulty && offset+int64(len(dest)) > readableBytes {
		return nil, syscall.EIO
	}
	return file.(fs.FileReader).Read(ctx, dest, offset)
}
