package simkernel

import (
	"strconv"
	"syscall"
	"time"

	"aws/internal/kernel"
)

// The kinds of happenings in the fingerprint.
const (
	markOp int64 = iota
	markWait
	markPeer
	markRead
	markJob
	markOpen
)

// Do implements kernel.Kernel, by the rules of netio.c.
func (k *Kernel) Do(ops []kernel.Op) {
	if !k.usable("Do") {
		return
	}
	accepted := -int64(syscall.EAGAIN) // the latest accept's response
	refused := false                   // an accept failed: the following ones are not tried
	for i := range ops {
		op := &ops[i]
		op.Result = -int64(syscall.ECANCELED)
		if op.Flags&kernel.Link != 0 && (i == 0 || !ops[i-1].DoneInFull()) {
			continue
		}
		if op.Flags&kernel.IfAgain != 0 && (i == 0 || ops[i-1].Result != -int64(syscall.EAGAIN)) {
			continue
		}
		if op.Kind == kernel.OpAccept {
			if refused {
				continue
			}
			k.run(op)
			accepted = op.Result
			refused = op.Result < 0
			continue
		}
		if op.Flags&kernel.Accepted != 0 {
			if accepted < 0 {
				continue
			}
			op.FD = int32(accepted)
		}
		k.run(op)
	}
}

// run runs one operation and lets a little time pass.
func (k *Kernel) run(op *kernel.Op) {
	if k.profile.Jitter > 0 && k.rnd.Float64() < k.profile.Jitter {
		k.advance(time.Duration(k.rnd.Int64N(int64(k.profile.OpTime) + 1)))
	}
	serial := 0
	if op.FD >= 0 && int(op.FD) < len(k.table) && k.table[op.FD] != nil {
		serial = k.table[op.FD].serial
	}
	op.Result = k.perform(op)
	if op.Result > 0 || op.Result == 0 && op.Kind != kernel.OpResident {
		k.progress++
	}
	k.mark(markOp+int64(op.Kind)<<8, int64(op.FD), op.Result)
	k.record(op.FD, op.Kind.String(), serial, op.Result)
	if k.cfg.Trace != nil {
		k.tracef("%v fd %d file %d at %d+%d: %s", op.Kind, op.FD, op.File, op.Offset, op.Len(), result(op.Result))
	}
}

func result(r int64) string {
	if r < 0 {
		return syscall.Errno(-r).Error()
	}
	return strconv.FormatInt(r, 10)
}

func (k *Kernel) perform(op *kernel.Op) int64 {
	switch op.Kind {
	case kernel.OpAccept:
		return k.accept(op)
	case kernel.OpRecv:
		return k.recv(op)
	case kernel.OpSend:
		return k.send(op)
	case kernel.OpSendfile:
		return k.sendfile(op)
	case kernel.OpClose:
		return -int64(k.close(op.FD, "close", false))
	case kernel.OpShutdown:
		return k.shutdown(op)
	case kernel.OpReset:
		return -int64(k.close(op.FD, "reset", true))
	case kernel.OpEpollAdd, kernel.OpEpollMod, kernel.OpEpollDel:
		return -int64(k.epollCtl(op))
	case kernel.OpResident:
		return k.resident(op)
	case kernel.OpReadRecords:
		return k.readRecords(op)
	case kernel.OpCork:
		return k.cork(op)
	case kernel.OpNotSent:
		return k.notSent(op)
	case kernel.OpPush:
		return k.pushOut(op)
	case kernel.OpTLSSend:
		return k.tlsSend(op)
	case kernel.OpSendRecord:
		return k.sendRecord(op)
	case kernel.OpTLSSent:
		return k.tlsSent(op)
	case 0:
		return 0
	default:
		k.violate(op.FD, "operation of the unknown kind %d", op.Kind)
		return -int64(syscall.EINVAL)
	}
}
