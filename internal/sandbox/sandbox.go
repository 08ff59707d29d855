package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"aws/internal/config"
	"aws/internal/logging"

	"github.com/landlock-lsm/go-landlock/landlock"
	llsyscall "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Options say what a process that has bound its addresses gives up.
type Options struct {
	User        string   // whom to become; empty: nobody else
	WarnRoot    bool     // say that root is more than serving needs
	landlock    bool     // confine the files to those below
	Readable    []string // directories that may be read
	writable    []string // files that may be written
	Directories []string // directories in which files may be written and made
	Caches      []string // directories in which files may be read, written, made and removed
	Sockets     []string // directories in which files may be removed: those of Unix sockets
	Private     []string // directories below which files may be read, made, written and removed

	ReadableFiles []string // single files that may be read

	secrets dumps // see HoldSecrets
}

// Table define what a process gives up.
func (o *Options) Table() []config.Option {
	return []config.Option{
		{
			Name: "user", Into: &o.User, Usage: "switch to user `NAME` after the addresses are bound; needs root",
			Advice: "Not needed if systemd starts the server as that user.",
		},
		{
			Name: "landlock", Into: &o.landlock, Default: true, Usage: "allow the process to read only the served directories (Landlock)",
			Advice: "It needs Linux 5.13. Turn it off if something that is served is mounted or moved there later.",
		},
	}
}

// Apply gives up what serving does not need. What an older kernel can't take away is a warning; an
// error is something that was asked for and can't be done.
func Apply(o *Options, report *logging.Reporter) error {
	var who identity
	if o.User != "" {
		var err error
		if who, err = identityOf(o.User); err != nil { // while /etc/passwd can be read
			return err
		}
	} else if o.WarnRoot {
		WarnRoot(report.WarnText)
	}
	if o.landlock {
		if err := confine(o, report); err != nil {
			return err
		}
	}
	if o.User == "" {
		return nil
	}
	if err := become(who); err != nil {
		return err
	}
	if o.secrets == dumpsForbidden {
		if err := forbidDumps(); err != nil { // which another user may have again
			return err
		}
	}
	report.Debug(fmt.Sprintf("the process is %s's from now on", who.name), "user", who.name, "uid", who.uid, "gid", who.gid)
	return nil
}

// WarnRoot says so if the process is root's, which is more than serving needs.
func WarnRoot(warn func(string)) {
	if os.Geteuid() == 0 {
		warn("running as root: --user NAME drops to another user once the addresses are bound")
	}
}

// confine lets the process, all its threads, read the roots and nothing else (landlock(7), Linux
// 5.13). It also takes away new privileges (no_new_privs), which Landlock asks for.
func confine(o *Options, report *logging.Reporter) error {
	version, err := llsyscall.LandlockGetABIVersion()
	if err != nil {
		report.Warn("this kernel has no Landlock, or it is off: files outside the roots are kept from clients, but not from the process")
		return nil
	}
	if _, err := os.Stat("/proc/self/task"); err != nil {
		report.Warn("there is no /proc, by which Landlock is applied to all threads: files outside the roots are kept from clients, but not from the process")
		return nil
	}
	rules := []landlock.Rule{
		landlock.RODirs(o.Readable...),
	}
	if len(o.writable) > 0 {
		rules = append(rules, landlock.RWFiles(o.writable...))
	}
	if len(o.Directories) > 0 {
		rules = append(rules, landlock.PathAccess(llsyscall.AccessFSWriteFile|llsyscall.AccessFSMakeReg, o.Directories...))
	}
	const ownFiles = llsyscall.AccessFSReadFile | llsyscall.AccessFSReadDir | llsyscall.AccessFSWriteFile | llsyscall.AccessFSMakeReg | llsyscall.AccessFSRemoveFile
	if len(o.Caches) > 0 {
		rules = append(rules, landlock.PathAccess(ownFiles, o.Caches...))
	}
	if len(o.Sockets) > 0 {
		rules = append(rules, landlock.PathAccess(llsyscall.AccessFSRemoveFile, o.Sockets...))
	}
	if len(o.Private) > 0 {
		rules = append(rules, landlock.PathAccess(ownFiles|llsyscall.AccessFSTruncate, o.Private...))
	}
	if len(o.ReadableFiles) > 0 {
		rules = append(rules, landlock.ROFiles(o.ReadableFiles...))
	}
	if err := landlock.V5.BestEffort().RestrictPaths(rules...); err != nil {
		return fmt.Errorf("landlock (ABI %d): %w (--landlock=false does without)", version, err)
	}
	report.Debug(fmt.Sprintf("Landlock (ABI %d) lets the process read %s only", version, strings.Join(o.Readable, ", ")),
		"abi", version, "readable", o.Readable, "writable", slices.Concat(o.writable, o.Directories, o.Caches, o.Private))
	return nil
}

// identity is a user whom the process can become.
type identity struct {
	name     string
	uid, gid int
}

// LookUpUser finds a user of the system. The error has the remedy.
func LookUpUser(name string) (*user.User, error) {
	u, err := user.Lookup(name)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		return nil, fmt.Errorf("--user %s: there is no such user (getent passwd lists them; useradd --system %s makes this one)", name, name)
	}
	if err != nil {
		return nil, fmt.Errorf("--user %s: %w", name, err)
	}
	return u, nil
}

// identityOf finds a user of the system whom this process may become.
func identityOf(name string) (identity, error) {
	if os.Geteuid() != 0 {
		return identity{}, fmt.Errorf("--user %s: only root can become another user (start it as root, or leave --user out)", name)
	}
	u, err := LookUpUser(name)
	if err != nil {
		return identity{}, err
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return identity{}, fmt.Errorf("--user %s: %w", name, err)
	}
	return identity{name: name, uid: uid, gid: gid}, nil
}

// Own gives a directory to User, before the process becomes that user.
func (o *Options) Own(directory string) error {
	who, err := identityOf(o.User)
	if err != nil {
		return err
	}
	return os.Chown(directory, who.uid, who.gid)
}

// become makes the process another user, for good: groups first, for a user can't change them.
func become(to identity) error {
	for _, step := range []struct {
		call string
		do   func() error
	}{
		{"setgroups", func() error { return syscall.Setgroups([]int{to.gid}) }},
		{"setgid", func() error { return syscall.Setgid(to.gid) }},
		{"setuid", func() error { return syscall.Setuid(to.uid) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("--user %s: %w", to.name, os.NewSyscallError(step.call, err))
		}
	}
	if to.uid != 0 && syscall.Setuid(0) == nil {
		return fmt.Errorf("--user %s: the process could become root again", to.name)
	}
	return nil
}
