package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a cgroup whose processes read a disk slowly.
type disk struct{ directory string }

// Where the two versions of cgroups are mounted.
const (
	cgroupV1 = "/sys/fs/cgroup/blkio"
	cgroupV2 = "/sys/fs/cgroup"
)

// throttle makes the disk that a directory lies on slow for a cgroup: to so many bytes each second or
// so many reads. The error says why that can't be.
func throttle(directory string, bytesPerSecond, readsPerSecond int) (*disk, error) {
	device, err := deviceOf(directory)
	if err != nil {
		return nil, err
	}
	var d disk
	name := fmt.Sprintf("aws-bench-%d", os.Getpid())
	var writes map[string]string
	if _, err := os.Stat(filepath.Join(cgroupV1, "blkio.throttle.read_bps_device")); err == nil {
		d.directory = filepath.Join(cgroupV1, name)
		writes = map[string]string{}
		if bytesPerSecond > 0 {
			writes["blkio.throttle.read_bps_device"] = fmt.Sprintf("%s %d", device, bytesPerSecond)
		}
		if readsPerSecond > 0 {
			writes["blkio.throttle.read_iops_device"] = fmt.Sprintf("%s %d", device, readsPerSecond)
		}
	} else if v2HasIO() {
		d.directory = filepath.Join(cgroupV2, name)
		limits := device
		if bytesPerSecond > 0 {
			limits += fmt.Sprintf(" rbps=%d", bytesPerSecond)
		}
		if readsPerSecond > 0 {
			limits += fmt.Sprintf(" riops=%d", readsPerSecond)
		}
		writes = map[string]string{"io.max": limits}
	} else {
		return nil, errors.New("no cgroup here can slow a disk down (blkio.throttle or io.max)")
	}
	if err := os.Mkdir(d.directory, 0o755); err != nil {
		return nil, err
	}
	for file, text := range writes {
		if err := os.WriteFile(filepath.Join(d.directory, file), []byte(text), 0o644); err != nil {
			d.remove()
			return nil, err
		}
	}
	return &d, nil
}

// v2HasIO reports whether the io controller is given to the children of the root cgroup.
func v2HasIO() bool {
	text, err := os.ReadFile(filepath.Join(cgroupV2, "cgroup.subtree_control"))
	if err != nil {
		return false
	}
	for name := range strings.FieldsSeq(string(text)) {
		if name == "io" {
			return true
		}
	}
	return false
}

// remove takes the cgroup away. Its processes must have ended, and may take a moment to be gone.
func (d *disk) remove() {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err := os.Remove(d.directory); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
	}
}

// deviceOf returns the numbers of the disk that a directory lies on, which for a partition are those of
// the whole disk.
func deviceOf(directory string) (string, error) {
	var stat unix.Stat_t
	if err := unix.Stat(directory, &stat); err != nil {
		return "", &os.PathError{Op: "stat", Path: directory, Err: err}
	}
	device := fmt.Sprintf("%d:%d", unix.Major(stat.Dev), unix.Minor(stat.Dev))
	entry := filepath.Join("/sys/dev/block", device)
	if _, err := os.Stat(entry); err != nil {
		return "", fmt.Errorf("%s does not lie on a disk that can be slowed down (device %s)", directory, device)
	}
	if _, err := os.Stat(filepath.Join(entry, "partition")); err != nil {
		return device, nil
	}
	real, err := filepath.EvalSymlinks(entry)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(real), "dev"))
	return strings.TrimSpace(string(text)), err
}
