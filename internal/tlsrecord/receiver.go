package tlsrecord

// Alert is the description of an alert (RFC 8446, section 6).
type Alert uint8

// The alerts that a Receiver reports, or that end a connection in order.
const (
	AlertCloseNotify       Alert = 0
	AlertUnexpectedMessage Alert = 10
	AlertBadRecordMAC      Alert = 20
	AlertRecordOverflow    Alert = 22
	AlertIllegalParameter  Alert = 47
	AlertDecodeError       Alert = 50
	AlertInternalError     Alert = 80
)

// Result is what Open has found.
type Result uint8

// The results.
const (
	Incomplete      Result = iota // the first record has not arrived in full
	Data                          // application data
	Nothing                       // a record that asks for nothing: a part of a message, or a key has been changed
	UpdateRequested               // a KeyUpdate, and one of ours is requested
	Closed                        // close_notify: the peer sends no more
	PeerAlert                     // another alert, which ends the connection
	Broken                        // a record that the connection ends for, with Opened.Alert
)

// Opened is what Open has found. The first Bytes bytes are used; From and To bound the application data in them.
type Opened struct {
	Result   Result
	Alert    Alert
	Bytes    int
	From, To int
}

// Limits on what asks for work and brings nothing.
const (
	emptyMax   = 32 // records without content, one after another
	updatesMax = 32 // KeyUpdates without application data between them
)

// Receiver opens the records of one direction. The zero value needs Init.
type Receiver struct {
	keys
	empty   int // records without content since the latest with some
	updates int // KeyUpdates since the latest application data
	message []byte
}

// Open opens the first record of what has been received, in place. A record that can't be authenticated delivers nothing.
func (r *Receiver) Open(buf []byte) Opened {
	if len(buf) < HeaderBytes {
		return Opened{}
	}
	total := int(buf[3])<<8 | int(buf[4])
	switch {
	case ContentType(buf[0]) != TypeData:
		return broken(AlertUnexpectedMessage) // plaintext, or change_cipher_spec, which belongs to the handshake
	case total > RecordMax-HeaderBytes:
		return broken(AlertRecordOverflow)
	case total < TailBytes:
		return broken(AlertBadRecordMAC)
	case len(buf) < HeaderBytes+total:
		return Opened{}
	}
	record := buf[HeaderBytes : HeaderBytes+total]
	inner, err := r.aead.Open(record[:0], r.nextNonce(), record, buf[:HeaderBytes])
	if err != nil {
		return broken(AlertBadRecordMAC)
	}
	r.sequence++
	if len(inner) > ContentMax+1 { // padding counts (section 5.4)
		return broken(AlertRecordOverflow)
	}
	n := len(inner) - 1
	for n >= 0 && inner[n] == 0 { // padding (section 5.4)
		n--
	}
	if n < 0 {
		return broken(AlertUnexpectedMessage)
	}
	opened := r.take(ContentType(inner[n]), inner[:n])
	opened.Bytes = HeaderBytes + total
	return opened
}

func broken(a Alert) Opened { return Opened{Result: Broken, Alert: a} }

// take takes in the content of a record.
func (r *Receiver) take(is ContentType, content []byte) Opened {
	if len(r.message) > 0 && is != TypeHandshake {
		return broken(AlertUnexpectedMessage) // in the middle of a message (section 5.1)
	}
	if len(content) == 0 {
		if r.empty++; is != TypeData || r.empty > emptyMax {
			return broken(AlertUnexpectedMessage)
		}
		return Opened{Result: Nothing}
	}
	r.empty = 0
	switch is {
	case TypeData:
		r.updates = 0
		return Opened{Result: Data, From: HeaderBytes, To: HeaderBytes + len(content)}
	case TypeAlert:
		switch {
		case len(content) != 2:
			return broken(AlertDecodeError)
		case Alert(content[1]) == AlertCloseNotify:
			return Opened{Result: Closed}
		}
		return Opened{Result: PeerAlert, Alert: Alert(content[1])}
	case TypeHandshake:
		return r.takeMessage(content)
	default:
		return broken(AlertUnexpectedMessage)
	}
}

// takeMessage takes in a handshake message, or a part of one. A client sends KeyUpdate alone, which ends its record: what
// follows has another key (section 5.1).
func (r *Receiver) takeMessage(content []byte) Opened {
	if len(r.message)+len(content) > updateBytes {
		return broken(AlertUnexpectedMessage)
	}
	r.message = append(r.message, content...)
	m := r.message
	switch {
	case m[0] != typeKeyUpdate:
		return broken(AlertUnexpectedMessage)
	case len(m) > 1 && m[1] != 0, len(m) > 2 && m[2] != 0, len(m) > 3 && m[3] != 1:
		return broken(AlertDecodeError)
	case len(m) < updateBytes:
		return Opened{Result: Nothing}
	case m[4] > 1:
		return broken(AlertIllegalParameter)
	}
	requested := m[4] == 1
	r.message = r.message[:0]
	if r.updates++; r.updates > updatesMax {
		return broken(AlertUnexpectedMessage)
	}
	if r.update() != nil {
		return broken(AlertInternalError)
	}
	if requested {
		return Opened{Result: UpdateRequested}
	}
	return Opened{Result: Nothing}
}
