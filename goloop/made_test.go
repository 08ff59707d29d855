package goloop

import (
	"testing"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
)

// askKernel is a kernel that takes jobs and does none.
type askKernel struct {
	kernel.Kernel
	asked []*kernel.Job
}

func (k *askKernel) Ask(j *kernel.Job) bool { k.asked = append(k.asked, j); return true }
func (k *askKernel) Now() time.Duration     { return 0 }

// TestMadeFilesAreBoundedWhenTheyAreMade has listings asked for while there is room for them, and made when there is none.
func TestMadeFilesAreBoundedWhenTheyAreMade(t *testing.T) {
	k := &askKernel{}
	l := &Loop{k: k, cache: docroot.NewCache(docroot.Limits{FilesMax: 8, MadeBytesMax: 1000, MaxAge: time.Second})}
	mount := &docroot.Mount{}
	made := 0
	ask := func(key string) {
		c := &conn{}
		c.current = &exchange{loop: l, conn: c}
		_, outcome := c.current.Make(mount, []byte(key), func(kernel.Directories) (kernel.Opened, kernel.Class) {
			made++
			return kernel.Opened{FD: -1}, kernel.Done
		})
		if outcome != handler.OutcomePending {
			t.Fatalf("%s: %v", key, outcome)
		}
	}
	ask("a")
	ask("b")
	if k.asked[0].Func(); made != 1 || k.asked[0].Class != kernel.Done {
		t.Errorf("with room, %d are made: %v", made, k.asked[0].Class)
	}
	file := docroot.NewFile(mount, "full", kernel.Done, &kernel.Opened{FD: -1, Info: kernel.Info{Size: 1 << 20}})
	file.Made = true
	l.cache.Add(file, 0, nil)
	if !l.cache.Full() {
		t.Fatal("the cache is not full")
	}
	if k.asked[1].Func(); made != 1 || k.asked[1].Class != kernel.Exhausted {
		t.Errorf("without room, %d are made: %v", made, k.asked[1].Class)
	}
}
