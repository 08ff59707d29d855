package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"aws/tests/harness"
)

// namespace is a network namespace without a name. The kernel removes it once file is closed and its processes have ended.
type namespace struct{ file *os.File }

// newNamespace makes a namespace that is given up with the test. It needs CAP_SYS_ADMIN.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	n := &namespace{}
	var err error
	apart(func() {
		if err = os.NewSyscallError("unshare", unix.Unshare(unix.CLONE_NEWNET)); err == nil {
			n.file, err = os.Open(ownNamespace)
		}
	})
	if err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	t.Cleanup(func() { _ = n.file.Close() })
	return n
}

// do calls f on a thread in the namespace. The sockets that f makes itself belong to the namespace; those of goroutines that it
// starts do not.
func (n *namespace) do(f func()) {
	apart(func() {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(os.NewSyscallError("setns", err))
		}
		f()
	})
}

// start calls f as do does, in another goroutine. The channel is closed when f has returned.
func (n *namespace) start(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.do(f)
	}()
	return done
}

// ownNamespace is the network namespace of the calling thread.
const ownNamespace = "/proc/thread-self/ns/net"

// apart calls f, which may change the network namespace of its thread, and changes it back. The thread must not end: the
// processes that it has started would get the signal of their Pdeathsig.
func apart(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := os.Open(ownNamespace)
	if err != nil {
		panic(err)
	}
	defer func() { _ = before.Close() }()
	f()
	if err := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(os.NewSyscallError("setns", err))
	}
}

// wrap is what runs a program in the namespace, for harness.Options.
func (n *namespace) wrap() []string {
	return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/fd/%d", os.Getpid(), n.file.Fd()), "--"}
}

// ip gives commands to ip(8) inside the namespace. They may refer to the namespace other as descriptor 3.
func (n *namespace) ip(t *testing.T, other *namespace, commands ...string) {
	t.Helper()
	argv := append(n.wrap(), harness.Tool(t, "ip"), "-batch", "-")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if other != nil {
		cmd.ExtraFiles = []*os.File{other.file}
	}
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ip: %v\n%s", err, output)
	}
}

// connect makes a link between two namespaces, called name in both, with an address at each end.
func connect(t *testing.T, name string, a *namespace, addressA string, b *namespace, addressB string) {
	t.Helper()
	a.ip(t, b, fmt.Sprintf("link add %s type veth peer name %s netns /proc/self/fd/3", name, name),
		fmt.Sprintf("address add %s peer %s dev %s", addressA, addressB, name), "link set lo up", "link set "+name+" up")
	b.ip(t, nil, fmt.Sprintf("address add %s peer %s dev %s", addressB, addressA, name), "link set lo up", "link set "+name+" up")
}
