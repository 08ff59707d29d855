package tlsrecord

// ContentType is what a record contains (RFC 8446, section 5.1).
type ContentType uint8

// The content types. After the handshake, the outer type of all records is TypeData.
const (
	TypeAlert     ContentType = 21
	TypeHandshake ContentType = 22
	TypeData      ContentType = 23
)

// Sizes in bytes (RFC 8446, sections 5.1 and 5.2).
const (
	HeaderBytes   = 5
	tagBytes      = 16                          // of the AEAD of every suite
	TailBytes     = 1 + tagBytes                // behind the content: its type and the tag
	OverheadBytes = HeaderBytes + TailBytes     // what a record is longer than its content
	ContentMax    = 1 << 14                     // of the content of a record
	RecordMax     = HeaderBytes + 1<<14 + 256   // of a record that a peer may send
	AlertBytes    = 2 + OverheadBytes           // of a record with an alert
	UpdateBytes   = updateBytes + OverheadBytes // of a record with a KeyUpdate
)

// keyUpdate is the handshake message KeyUpdate (RFC 8446, section 4.6.3): its type, its length, and whether one is requested.
const (
	typeKeyUpdate = 24
	updateBytes   = 5
)

// recordsPerKey is after how many records the key is changed. RFC 8446, section 5.5, allows 2^24.5 for AES-GCM.
const recordsPerKey = 1 << 24

// Sender makes the records of one direction. The zero value needs Init.
type Sender struct{ keys }

// SetSequence sets the number of the next record to a smaller one. See the package's caveats.
func (s *Sender) SetSequence(n uint64) { s.sequence = n }

// SealInPlace makes a record of the content bytes that stand behind the room for a header in buf. Behind them there must be room for
// TailBytes. It returns the length of the record.
func (s *Sender) SealInPlace(buf []byte, is ContentType, content int) int {
	total := content + TailBytes
	header := buf[:HeaderBytes]
	header[0], header[1], header[2], header[3], header[4] = byte(TypeData), 3, 3, byte(total>>8), byte(total)
	inner := buf[HeaderBytes : HeaderBytes+content+1]
	inner[content] = byte(is)
	s.aead.Seal(inner[:0], s.nextNonce(), inner, header)
	s.sequence++
	return HeaderBytes + total
}

// Seal appends a record with the content, ContentMax bytes at the most.
func (s *Sender) Seal(dst []byte, is ContentType, content []byte) []byte {
	from := len(dst)
	dst = append(dst, make([]byte, HeaderBytes)...)
	dst = append(dst, content...)
	dst = append(dst, make([]byte, TailBytes)...)
	s.SealInPlace(dst[from:], is, len(content))
	return dst
}

// SealOwn does the same without copying the content, which is in the caller's own memory with room for a byte behind it. That byte is
// changed in between. dst must not overlap with it.
func (s *Sender) SealOwn(dst []byte, is ContentType, content []byte) []byte {
	inner := content[:len(content)+1]
	behind := inner[len(content)]
	inner[len(content)] = byte(is)
	total := len(content) + TailBytes
	from := len(dst)
	dst = append(dst, byte(TypeData), 3, 3, byte(total>>8), byte(total))
	dst = s.aead.Seal(dst, s.nextNonce(), inner, dst[from:])
	s.sequence++
	inner[len(content)] = behind
	return dst
}

// SealAlert appends a record with an alert.
func (s *Sender) SealAlert(dst []byte, a Alert) []byte {
	content := a.Content()
	return s.Seal(dst, TypeAlert, content[:])
}

// Content returns the content of a record with the alert.
func (a Alert) Content() [2]byte {
	const warning, fatal = 1, 2
	level := byte(fatal)
	if a == AlertCloseNotify {
		level = warning
	}
	return [2]byte{level, byte(a)}
}

// UpdateDue reports whether so many records have been made with the key that it has to be changed.
func (s *Sender) UpdateDue() bool { return s.sequence >= recordsPerKey }

// SealUpdate appends a record with a KeyUpdate that requests none of the peer. The records that follow have the next key.
func (s *Sender) SealUpdate(dst []byte) ([]byte, error) {
	dst = s.Seal(dst, TypeHandshake, []byte{typeKeyUpdate, 0, 0, 1, 0})
	return dst, s.update()
}
