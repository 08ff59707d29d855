package tlsconfig

import (
	"context"
	"os"
	"slices"
	"time"
)

// WatchInterval is how often files are compared with what was loaded. A change is loaded when it is one interval old, so
// that a certificate and its key are read when both have been written.
const WatchInterval = 10 * time.Second

// noticeInterval is how often certificates that expire are reported.
const noticeInterval = 24 * time.Hour

// fileState identifies the content of a file: a new one differs in one of them. Symbolic links are followed, so that a
// link to another file is another state. nil stands for a file that is missing.
type fileState struct{ os.FileInfo }

// equal reports whether both are of the same content.
func (f fileState) equal(other fileState) bool {
	if f.FileInfo == nil || other.FileInfo == nil {
		return f.FileInfo == other.FileInfo
	}
	return os.SameFile(f.FileInfo, other.FileInfo) && f.Size() == other.Size() && f.ModTime().Equal(other.ModTime())
}

// statesOf returns the states of files, in their order.
func statesOf(files []string) []fileState {
	states := make([]fileState, len(files))
	for i, file := range files {
		if info, err := os.Stat(file); err == nil {
			states[i] = fileState{info}
		}
	}
	return states
}

// watcher compares the files of a store with what was loaded.
type watcher struct {
	store   *Store
	latest  []fileState // in the order of Settings.Files
	noticed time.Time
}

func (s *Store) newWatcher() *watcher {
	return &watcher{store: s, latest: statesOf(s.settings.Files()), noticed: s.settings.now()}
}

// check loads the files if they have changed, and have not done so since the last check. It reports whether it did.
func (w *watcher) check() (reloaded bool) {
	states := statesOf(w.store.settings.Files())
	settled := slices.EqualFunc(states, w.latest, fileState.equal)
	w.latest = states
	if settled && w.store.differs(states) {
		if w.store.Reload() == nil {
			w.store.settings.Log.Info("certificates were reloaded, because files have changed")
		}
		return true
	}
	return false
}

// differs reports whether the files have other states than those that were loaded last.
func (s *Store) differs(states []fileState) bool {
	s.reload.Lock()
	defer s.reload.Unlock()
	return !slices.EqualFunc(states, s.loaded, fileState.equal)
}

// notice logs certificates and OCSP responses that expire, once a day.
func (w *watcher) notice() {
	now := w.store.settings.now()
	if now.Sub(w.noticed) < noticeInterval {
		return
	}
	w.noticed = now
	for p, c := range w.store.current.Load().certificates {
		if text := validity(c.leaf(), now); text != "" {
			w.store.settings.Log.Warn(p.Certificate + ": " + text)
		}
		if c.stapled != nil && !now.Before(c.stapleUntil) {
			w.store.settings.Log.Warn(p.OCSP + ": the OCSP response has expired on " + day(c.stapleUntil) + "; it is not stapled")
		}
	}
}

// Watch reloads files when they change, and rotates session ticket keys, until the context ends.
func (s *Store) Watch(ctx context.Context) {
	tick := time.NewTicker(WatchInterval)
	defer tick.Stop()
	for w := s.newWatcher(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.check()
			w.notice()
			s.RotateTicketKeys()
		}
	}
}
