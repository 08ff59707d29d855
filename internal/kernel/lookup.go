package kernel

import "golang.org/x/sys/unix"

// LookupName is one of the names of a JobLookUp and, once the job has come back, its outcome.
type LookupName struct {
	Root Root
	Name []byte // relative to Root, without a leading slash
	// Sibling says that the name belongs to the nearest one before it that is not a sibling, and is opened exactly if
	// that one is a regular file.
	Sibling bool
	// DirectoryCounts says that the name is there also where it stands for a directory.
	DirectoryCounts bool
	// Known says that the name is not opened, as it is known that a regular file is there.
	Known bool

	Class Class // Canceled: the name was not opened, as the job ended before it
	File  Opened
}

// LookUp opens the job's names by means of open, in order. It ends at the first name that is there, with the siblings of
// that name. What is neither absent nor a directory is there; it may still not be a file that can be sent. A name
// whose class is Exhausted ends the job, too: the others would need descriptors as well. Every Kernel carries out
// a JobLookUp by this method.
func (j *Job) LookUp(open func(root Root, name []byte, file *Opened) Class) {
	for i := range j.Names {
		j.Names[i].Class = Canceled
	}
	siblings := false // of a name that is there are looked up
	for i := range j.Names {
		n := &j.Names[i]
		if n.Sibling != siblings {
			if siblings {
				return
			}
			continue
		}
		if n.Known {
			siblings = true
			continue
		}
		n.Class = open(n.Root, n.Name, &n.File)
		switch {
		case n.Class == Exhausted:
			return
		case siblings || n.Class == Absent || n.Class == Directory && !n.DirectoryCounts:
		case n.Class == Done:
			siblings = true
		default:
			return
		}
	}
}

// lookUpLocal does a JobLookUp as far as the names are on the filesystems of their roots. It returns false if one may not be: the job is Remote then, and
// nothing has been opened.
func (j *Job) lookUpLocal() bool {
	local := true
	j.LookUp(func(root Root, name []byte, file *Opened) (class Class) {
		if class, local = openLocal(root, name, file); !local {
			return Exhausted // which ends the job
		}
		return class
	})
	if local {
		return true
	}
	for _, fd := range j.AppendOpened(nil) {
		_ = unix.Close(int(fd))
	}
	for i := range j.Names {
		j.Names[i].Class = Canceled
	}
	j.Remote = true
	return false
}

// AppendOpened appends the descriptors that a job has opened, all of which belong to the loop that gets it.
func (j *Job) AppendOpened(fds []int32) []int32 {
	switch j.Kind {
	case JobLookUp:
		for i := range j.Names {
			if n := &j.Names[i]; n.Class == Done {
				fds = append(fds, n.File.FD)
			}
		}
	case JobFunc:
		if j.Class == Done {
			fds = append(fds, j.File.FD)
		}
	default: // the others open nothing
	}
	return fds
}
