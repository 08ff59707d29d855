package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aws/internal/docroot"
	"aws/internal/kernel"
)

// followEvery is how often the paths of the roots are resolved again: as long as a name is trusted.
const followEvery = time.Second

// followRoots lets each root of the server stand for what its path leads to, until the server has ended: a symbolic
// link to the current release may be changed at any time. Links that leave a root are reported, too.
func (r *Process) followRoots() {
	var roots []*docroot.Mount
	failed := map[kernel.Root]string{}
	for _, m := range r.Server.Mounts() {
		if _, seen := failed[m.Root]; !seen {
			failed[m.Root] = ""
			roots = append(roots, m)
			kernel.OnOutside(m.Root, func(link, target string) {
				link = filepath.Join(m.Dir, link)
				r.Report.Info(fmt.Sprintf("%s%s is a symbolic link to %s, which is not in %s: what is asked for through it is not found",
					r.name(), link, target, m.Dir), "link", link, "target", target, "dir", m.Dir)
			})
		}
	}
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.ended:
			return
		case <-ticker.C:
		}
		for _, m := range roots {
			changed, err := kernel.FollowRoot(m.Root, m.Dir)
			switch {
			case err != nil && err.Error() != failed[m.Root]:
				failed[m.Root] = err.Error()
				r.Report.Warn(fmt.Sprintf("%s%v: the directory that was there before is served on (if Landlock refuses the new one, "+
					"a reload, a restart or --landlock=false helps)", r.name(), err), "dir", m.Dir)
			case changed:
				failed[m.Root] = ""
				if err := r.Server.Forget(m.Root); err != nil {
					r.Report.Warn(r.name() + err.Error())
				}
				r.Report.Info(fmt.Sprintf("%s%s leads to another directory now, which is served", r.name(), m.Dir), "dir", m.Dir)
			case err == nil:
				failed[m.Root] = ""
			}
		}
	}
}

// ReadableFile returns the directories that a process has to be allowed to read so that it can read a file again, which may
// be a symbolic link to another file by then. The root of the file system is not among them.
func ReadableFile(file string) []string {
	list := Readable(filepath.Dir(file))
	if target, err := filepath.EvalSymlinks(file); err == nil {
		list = append(list, filepath.Dir(target))
	}
	return slices.DeleteFunc(list, func(dir string) bool {
		abs, err := filepath.Abs(dir)
		return err != nil || abs == "/"
	})
}

// Readable returns what a process has to be allowed to read so that it can serve a directory. Where its path has a
// symbolic link in it, that is also the directory that holds what the link leads to: releases lie side by side, and the
// link will lead to the next one. A link into the root of the file system adds nothing, and neither does one that lies
// there on the way, such as /home or /bin: it is part of how the system is laid out, and others' files are beside its target.
func Readable(dir string) []string {
	list := []string{dir}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return list
	}
	at := "/"
	for _, name := range strings.Split(strings.Trim(abs, "/"), "/") {
		at = filepath.Join(at, name)
		info, err := os.Lstat(at)
		if err != nil {
			break
		}
		if info.Mode()&os.ModeSymlink == 0 || filepath.Dir(at) == "/" && at != abs {
			continue
		}
		target, err := filepath.EvalSymlinks(at)
		if err != nil {
			break
		}
		if parent := filepath.Dir(target); parent != "/" {
			list = append(list, parent)
		}
	}
	return list
}
