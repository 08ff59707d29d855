package handlertest

import (
	"net/netip"
	"time"

	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/response"
)

// NowUnix is the time of all responses: 2025-06-15 15:06:40 UTC.
const NowUnix = 1_750_000_000

// Site implements handler.Files. Each name has a class and, if that is kernel.Done, a file.
type Site struct {
	handler   handler.Handler
	responder handler.Responder
	files     map[place]*docroot.File
	refs      map[*docroot.File]int // that have not been released

	Pending bool              // nothing can be found out without waiting
	Outcome handler.Outcome   // of each Make and Check
	Made    []kernel.Class    // with which the next calls of Make end, whatever the Build returns
	Small   map[string]string // what Small returns, by the names of files
	Ending  bool
	Client  netip.Addr
	TLS     *handler.TLS

	// Directory returns the class with which reading a directory ends; nil: all are there.
	Directory func(root kernel.Root, name string) kernel.Class

	Compression  handler.Outcome // of each Compressed; a form has half of the size
	Compressions []string        // the forms that were asked for

	Asked []string // the names that were looked up, in order
	Keys  []string // of Make and Check
}

// Files returns the site as what a Responder uses.
func (s *Site) Files() handler.Files { return files{s} }

type place struct {
	mount *docroot.Mount
	name  string
}

// NewSite returns a site without files.
func NewSite(h handler.Handler) *Site {
	return &Site{handler: h, responder: h.NewResponder(), files: map[place]*docroot.File{}, refs: map[*docroot.File]int{}}
}

// AddFile adds a file that was modified so long before NowUnix.
func (s *Site) AddFile(m *docroot.Mount, name string, size int64, age time.Duration) *docroot.File {
	modified := (NowUnix * time.Second).Nanoseconds() - age.Nanoseconds()
	return s.add(m, name, kernel.Done, kernel.Info{Size: size, MtimeNs: modified, CtimeNs: modified, Ino: uint64(len(s.files) + 1)})
}

// AddClass lets a look-up of a name end with a class.
func (s *Site) AddClass(m *docroot.Mount, name string, class kernel.Class) {
	s.add(m, name, class, kernel.Info{})
}

func (s *Site) add(m *docroot.Mount, name string, class kernel.Class, info kernel.Info) *docroot.File {
	f := docroot.NewFile(m, name, class, &kernel.Opened{Info: info, FD: int32(len(s.files) + 3)})
	if class == kernel.Done {
		s.handler.Prepare(f)
	}
	s.files[place{m, name}] = f
	return f
}

// files implements handler.Files. It is a type of its own because the site has fields of these names.
type files struct{ *Site }

func (s files) hold(f *docroot.File) *docroot.File {
	s.refs[f]++
	return f
}

func (s files) find(m *docroot.Mount, name []byte) *docroot.File {
	s.Asked = append(s.Asked, string(name))
	if f := docroot.Impossible(m, name); f != nil {
		return s.hold(f)
	}
	if f := s.files[place{m, string(name)}]; f != nil {
		return s.hold(f)
	}
	return s.hold(docroot.NewFile(m, string(name), kernel.Absent, nil))
}

// LookUp implements handler.Files.
func (s files) LookUp(l *handler.Lookup) bool {
	l.Class, l.File, l.Siblings = kernel.Absent, nil, l.Siblings[:0]
	if s.Pending {
		return false
	}
	for i := range l.Len() {
		a := l.At(i)
		f := s.find(a.Mount, a.Name)
		if !a.IsThere(f.Class) {
			s.Release(f)
			continue
		}
		if l.Class = f.Class; f.Class != kernel.Done {
			s.Release(f)
			return true
		}
		l.File = f
		if l.SiblingsIfUnknown && f.FormsKnown(s.Moment().Monotonic) {
			return true
		}
		for _, suffix := range l.Suffixes {
			sibling := s.find(a.Mount, l.SiblingName(a.Name, suffix))
			if sibling.Class != kernel.Done {
				s.Release(sibling)
				sibling = nil
			}
			l.Siblings = append(l.Siblings, sibling)
		}
		return true
	}
	return true
}

// Make implements handler.Files. It calls build at once.
func (s files) Make(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, handler.Outcome) {
	s.Keys = append(s.Keys, string(key))
	if s.Outcome != handler.OutcomeDone {
		return nil, s.Outcome
	}
	opened, class := build(directories{s.Directory})
	if len(s.Made) > 0 {
		class, s.Made = s.Made[0], s.Made[1:]
	}
	f := docroot.NewFile(m, string(key), class, &opened)
	f.Made = true
	if class == kernel.Done {
		s.handler.Prepare(f)
	}
	return s.hold(f), handler.OutcomeDone
}

// Compressed implements handler.Files.
func (s files) Compressed(f *docroot.File, c response.Coding) (*docroot.File, handler.Outcome) {
	s.Compressions = append(s.Compressions, f.Name+c.Suffix())
	if s.Compression != handler.OutcomeDone {
		return nil, s.Compression
	}
	return s.hold(docroot.NewForm(&kernel.Opened{Info: kernel.Info{Size: f.Size / 2}, FD: -1}, &f.Info, 1)), handler.OutcomeDone
}

// Check implements handler.Files.
func (s files) Check(m *docroot.Mount, key []byte, build handler.Build) (*docroot.File, handler.Outcome) {
	s.Keys = append(s.Keys, string(key))
	if s.Outcome != handler.OutcomeDone {
		return nil, s.Outcome
	}
	_, class := build(nil)
	f := docroot.NewFile(m, string(key), class, &kernel.Opened{FD: -1})
	if class == kernel.Done {
		s.handler.Prepare(f)
	}
	return s.hold(f), handler.OutcomeDone
}

// Small implements handler.Files.
func (s files) Small(f *docroot.File) []byte {
	if content, ok := s.Site.Small[f.Name]; ok {
		return []byte(content)
	}
	return nil
}

// Release implements handler.Files. A reference that was not given out panics.
func (s files) Release(f *docroot.File) {
	if s.refs[f]--; s.refs[f] < 0 {
		panic("a reference of " + f.Name + " is released twice")
	}
	if s.refs[f] == 0 {
		delete(s.refs, f)
	}
}

// Moment implements handler.Files.
func (s files) Moment() handler.Moment {
	return handler.Moment{
		Date: response.AppendDate(make([]byte, response.DateBytes)[:0], NowUnix), Unix: NowUnix, Monotonic: time.Hour, Ending: s.Ending,
	}
}

// Client implements handler.Files.
func (s files) Client() netip.Addr { return s.Site.Client }

// TLS implements handler.Files.
func (s files) TLS() *handler.TLS { return s.Site.TLS }

// Random implements handler.Files.
func (s files) Random() uint64 { return 0x0123456789abcdef }

// directories implements kernel.Directories. All directories have the same entries.
type directories struct {
	class func(root kernel.Root, name string) kernel.Class
}

// ReadDirectory implements kernel.Directories.
func (d directories) ReadDirectory(root kernel.Root, directory string, _ int, choose func(name string) (kernel.Root, bool)) ([]kernel.DirectoryEntry, int, kernel.Class) {
	if d.class != nil {
		if class := d.class(root, directory); class != kernel.Done {
			return nil, 0, class
		}
	}
	var entries []kernel.DirectoryEntry
	for _, name := range []string{"entry", ".hidden", "private"} {
		if _, shown := choose(name); shown {
			entries = append(entries, kernel.DirectoryEntry{Name: name, Directory: name == "private"})
		}
	}
	return entries, 0, kernel.Done
}

// ReadStart implements kernel.Directories. There is no README.
func (directories) ReadStart(kernel.Root, string, int) ([]byte, kernel.Class) {
	return nil, kernel.Absent
}

// ReadWhole implements kernel.Directories. Nothing can be read.
func (directories) ReadWhole(int32, *kernel.Info, []byte) kernel.Class { return kernel.Fault }

// OpenFile implements kernel.Directories. There is no file.
func (directories) OpenFile(kernel.Root, string) (kernel.Opened, kernel.Class) {
	return kernel.Opened{}, kernel.Absent
}

// ReadFile implements kernel.Directories.
func (directories) ReadFile(int32, []byte, int64) int64 { return 0 }

// CloseFile implements kernel.Directories.
func (directories) CloseFile(int32) {}

// MemoryFile implements kernel.Directories.
func (directories) MemoryFile(content []byte) (kernel.Opened, kernel.Class) {
	return kernel.Opened{Info: kernel.Info{Size: int64(len(content)), Dev: uint64(len(content))}}, kernel.Done
}
