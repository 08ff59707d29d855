// Package filesystems serves files of the filesystem that TMPDIR is on: every byte, from the page cache and from the disk. It logs what the
// filesystem can do, and by which read methods the files came.
//
// `make vm` runs it on other filesystems and kernels. Where that exports a directory by NFS (VM_NFS), TestNFSHangs mounts it and lets its server hang.
package filesystems
