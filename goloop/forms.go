package goloop

import (
	"time"

	"aws/internal/compression"
	"aws/internal/docroot"
	"aws/internal/handler"
	"aws/internal/kernel"
	"aws/internal/response"
)

// A client does not wait for a form of a large file, nor for a worker thread to be free: it gets the plain bytes. For a small
// file that is being compressed it waits for a moment or two of retryAfter, in which most are done.
const (
	formWaitBytesMax = 256 << 10
	formWaitsMax     = 2
)

// formSettledNs is how old the latest change of a file must be before it is compressed. A later change then has another change time,
// however coarse the filesystem's clock is (FAT: 2 s), and is noticed after the file was read.
const formSettledNs = int64(2 * time.Second)

// Compressed implements handler.Files.
func (x *exchange) Compressed(f *docroot.File, c response.Coding) (*docroot.File, handler.Outcome) {
	l := x.loop
	forms := l.cfg.Forms
	if forms == nil {
		return nil, handler.OutcomeRefused
	}
	key := compression.Key{Info: f.Info, Coding: c}
	form, state := forms.Get(&key, l.k.Now())
	if state == compression.Ready {
		return form, handler.OutcomeDone
	}
	if state == compression.Absent {
		state = l.askForm(f, &key)
	}
	if state != compression.Soon || f.Size > formWaitBytesMax || x.formWaits == formWaitsMax || x.isPipelined() || l.shutdown.draining {
		return nil, handler.OutcomeRefused
	}
	x.formWaits++
	l.retry(x.conn)
	return nil, handler.OutcomePending
}

// askForm lets a worker thread make a form, if the bounds permit that. The job holds the file, so that its descriptor stays open.
func (l *Loop) askForm(f *docroot.File, key *compression.Key) compression.State {
	if l.k.WallNs()-max(f.CtimeNs, f.MtimeNs) < formSettledNs {
		return compression.Never
	}
	forms := l.cfg.Forms
	state, removed := forms.Begin(key, l.k.Now(), l.closer.files)
	l.closer.files = removed
	if state == compression.Never {
		return state
	}
	j := l.jobs.take(kernel.JobCompress, nil)
	j.file, j.Remote = f, f.Remote
	f.Hold()
	k, fd, wanted := l.k, f.FD, *key
	j.Func = func() {
		forms.Make(k, fd, &wanted)
		j.Class = kernel.Done
	}
	if !l.k.Ask(&j.Job) {
		l.giveJob(j)
		forms.Cancel(key)
		return compression.Never
	}
	return state
}
