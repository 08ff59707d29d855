package http2

import "slices"

// peerTable is what is known of the client's table of fields (RFC 7541, section 2.3.2): the latest ones that responses have put there.
type peerTable struct {
	off    bool // the client's table is smaller than tableDefault, so it is kept empty
	update bool // the next header block has to say so (RFC 7541, section 4.2)
	count  uint32
	size   uint32 // of all entries that there ever were
	latest [peerEntries]peerEntry
	slots  [peerSlots]uint8 // where in latest a field was found, by its ID

	sent      [peerSent]uint64 // the latest fields that were sent and not put there
	sentCount uint32
}

type peerEntry struct {
	id   uint64
	size uint32 // as peerTable.size was before
}

const (
	// peerEntries is how many entries are known. The client may have more.
	peerEntries = 32
	peerSlots   = 64
	// peerEntryMax is the size of the largest field that is worth a place.
	peerEntryMax = tableDefault / 8
	// peerSent is how many fields of an earlier response are recognized: those of some streams at a time.
	peerSent = 16
)

// index returns the index of a field, or 0 if the client may not have it.
func (t *peerTable) index(id uint64) int {
	slot := uint32(t.slots[id%peerSlots])
	if t.latest[slot].id != id {
		i := slices.IndexFunc(t.latest[:], func(e peerEntry) bool { return e.id == id })
		if i < 0 {
			return 0
		}
		slot = uint32(i)
		t.slots[id%peerSlots] = uint8(i)
	}
	if t.off || t.size-t.latest[slot].size > tableDefault { // it was evicted
		return 0
	}
	return staticCount + 1 + int((t.count-1-slot)%peerEntries)
}

// sentBefore reports whether a field was sent not long ago. Otherwise it takes note of it.
func (t *peerTable) sentBefore(id uint64) bool {
	if slices.Contains(t.sent[:], id) {
		return true
	}
	t.sent[t.sentCount%peerSent] = id
	t.sentCount++
	return false
}

// insert takes note of a field that a literal puts into the table.
func (t *peerTable) insert(id uint64, size int) {
	slot := t.count % peerEntries
	t.latest[slot] = peerEntry{id, t.size}
	t.slots[id%peerSlots] = uint8(slot)
	t.count++
	t.size += uint32(size)
}

// shrink is called when the client's table has become smaller than tableDefault.
func (t *peerTable) shrink() { t.off, t.update = true, true }
