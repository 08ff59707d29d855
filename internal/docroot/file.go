package docroot

import (
	"sync/atomic"
	"time"

	"aws/internal/kernel"
	"aws/internal/response"
)

// ResidentChunkBytes is the granularity in which a file's residency in the page cache is remembered.
const ResidentChunkBytes = 512 << 10

// DirectUnknown is the value of Direct for a file without a descriptor for direct reads.
const DirectUnknown int32 = -1

// File is an open regular file, or the record that a file is absent.
type File struct {
	kernel.Opened
	Mount *Mount
	Name  string       // below the mount's root
	Class kernel.Class // Done, or the reason why there is no file
	Head  []byte       // the part that all responses for this file share; belongs to the handler
	Extra any          // other data that the handler keeps with the file
	Made  bool         // the file was made for a response: it is in memory, and has no name to look up
	form  *form        // the file is a compressed form of another one; or nil

	Small      atomic.Pointer[[]byte] // the content, if the file is small and was resident at SmallTried
	SmallTried atomic.Int64           // time.Duration of the last attempt to read the content

	sizedAt atomic.Int64 // time.Duration of the last check of the size, plus 1
	forms   atomic.Bool  // the file has other forms
	formsAt atomic.Int64 // time.Duration of that check, plus 1; 0: never checked

	Direct     atomic.Int32 // descriptor for direct reads, which stays open as long as the file; or DirectUnknown
	DirectOff  atomic.Bool  // the filesystem refuses direct reads of this file
	NoWaitOff  atomic.Bool  // the filesystem does not support RWF_NOWAIT
	ProbingOff atomic.Bool  // the filesystem does not support Probe

	refs      atomic.Int32
	pinned    atomic.Bool     // true exactly while it is in the cache and in no queue, as it is in use
	validated atomic.Int64    // time.Duration of the latest lookup of the name
	cache     *Cache          // the cache that contains it; nil: none
	resident  []atomic.Uint32 // by chunk: milliseconds + 1 at which it was seen in memory

	// The cache's, under its lock.
	used         time.Duration
	listed       bool   // in the cache, which then has one of the references
	often        bool   // requested again while it was in the cache
	gone         bool   // its name refers to another file
	queue        *queue // the queue that contains it; nil: none
	newer, older *File
	descriptors  int   // the number that its queue has counted
	bytes        int64 // bytes of memory
}

// form says what a compressed form was made from, and what counts it while it is open.
type form struct {
	source  kernel.Info
	version uint8
	counts  []formCount
}

type formCount struct {
	sum *atomic.Int64
	n   int64
}

// formMount is the mount of all forms: they are sent by sendfile, whatever the mount of the plain file is.
var formMount = &Mount{}

// NewForm returns a form of a file, with a reference for the caller. The form is in memory, and in no cache of this package. version is
// that of the bytes that the source is compressed to.
func NewForm(opened *kernel.Opened, source *kernel.Info, version uint8) *File {
	f := NewFile(formMount, "", kernel.Done, opened)
	f.Made, f.form = true, &form{source: *source, version: version}
	return f
}

// CountIn adds n to a sum until the form is closed. Only who has made the form may call it, before anybody else has it.
func (f *File) CountIn(sum *atomic.Int64, n int64) {
	sum.Add(n)
	f.form.counts = append(f.form.counts, formCount{sum, n})
}

// Shared reports whether there are references besides the caller's.
func (f *File) Shared() bool { return f.refs.Load() > 1 }

// Version returns the attributes that distinguish this version of the file from others. Those of a form are those of the plain file.
func (f *File) Version() response.Version {
	if f.form != nil {
		s := &f.form.source
		return response.Version{SizeBytes: s.Size, ModifiedNs: s.MtimeNs, ChangedNs: s.CtimeNs, Inode: s.Ino, Form: f.form.version}
	}
	return response.Version{SizeBytes: f.Size, ModifiedNs: f.MtimeNs, ChangedNs: f.CtimeNs, Inode: f.Ino}
}

// residentFor is how long a chunk that was resident is assumed to be resident. The kernel reclaims recently
// used pages last.
const residentFor = 250 * time.Millisecond

// residentChunksMax bounds the memory for one file's residency. The chunks of a larger file (2 GiB) are not
// remembered; the loop probes each of them.
const residentChunksMax = 4096

// Resident reports whether the chunk around offset was resident a short time ago.
func (f *File) Resident(offset int64, now time.Duration) bool {
	if len(f.resident) == 0 {
		return false
	}
	seen := f.resident[offset/ResidentChunkBytes].Load()
	age := uint32(now.Milliseconds()) + 1 - seen
	return seen != 0 && age <= uint32(residentFor.Milliseconds())
}

// SetResident records that n bytes from offset, within one chunk, are resident. It has no effect unless they
// are the whole content of the chunk.
func (f *File) SetResident(offset, n int64, now time.Duration) {
	end := offset + n
	if offset%ResidentChunkBytes != 0 || end%ResidentChunkBytes != 0 && end < f.Size {
		return
	}
	if len(f.resident) != 0 {
		f.resident[offset/ResidentChunkBytes].Store(uint32(now.Milliseconds()) + 1)
	}
}

// Sized reports whether the file's size has already been checked in this iteration of a loop, and records
// that it has.
func (f *File) Sized(now time.Duration) bool { return f.sizedAt.Swap(int64(now)+1) == int64(now)+1 }

// FormsKnown reports whether SetForms was called a short time ago.
func (f *File) FormsKnown(now time.Duration) bool {
	at := time.Duration(f.formsAt.Load())
	return at != 0 && now+1-at <= formsFor
}

// HasForms reports whether the file had other forms at the last SetForms.
func (f *File) HasForms() bool { return f.forms.Load() }

// SetForms records whether the file has other forms.
func (f *File) SetForms(are bool, now time.Duration) {
	f.forms.Store(are)
	f.formsAt.Store(int64(now) + 1)
}

// NewFile returns a File for a name, with a reference for the caller: an opened file if class is Done,
// otherwise the record that it is absent.
func NewFile(m *Mount, name string, class kernel.Class, opened *kernel.Opened) *File {
	f := &File{Mount: m, Name: name, Class: class}
	f.FD = -1
	if class != kernel.Done && opened != nil {
		f.Remote = opened.Remote
	}
	if class == kernel.Done {
		f.Opened = *opened
		if n := (f.Size + ResidentChunkBytes - 1) / ResidentChunkBytes; n <= residentChunksMax {
			f.resident = make([]atomic.Uint32, n)
		}
	}
	f.Direct.Store(DirectUnknown)
	f.refs.Store(1)
	return f
}

// Loads reports whether the file is loaded into buffers, and not sent with sendfile.
//
//mutation:remote-file-by-sendfile
func (f *File) Loads() bool { return (f.Mount.Kind == Dynamic || f.Remote) && !f.Made }

// Hold takes another reference to a file. The caller must already have one.
func (f *File) Hold() { f.refs.Add(1) }

// Release releases a reference and appends the descriptors to close: those of the file if the reference was
// the last one, or those of files that are evicted because this file can be evicted now.
func (f *File) Release(fds []Descriptor) []Descriptor {
	//mutation:pinned-for-ever
	if n := f.refs.Add(-1); n == 0 || n == 1 && f.pinned.Load() {
		return f.released(n, fds)
	}
	return fds
}
