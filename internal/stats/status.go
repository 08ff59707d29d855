package stats

import "aws/internal/response"

// StatusSlots is more than there are statuses that are sent.
const StatusSlots = 32

// SlotOf returns a small number that stands for a status, from 1 on; 0 is for all unknown ones.
func SlotOf(s response.Status) int { return int(statusSlots[s%response.StatusCount]) }

// StatusOf returns the status that a slot stands for, or 0.
func StatusOf(slot int) response.Status { return slotStatuses[slot] }

var statusSlots, slotStatuses = func() (slots [response.StatusCount]uint8, statuses [StatusSlots]response.Status) {
	n := 0
	for s := range response.Status(response.StatusCount) {
		if s.Reason() != "" {
			n++
			slots[s], statuses[n] = uint8(n), s
		}
	}
	return slots, statuses
}()
