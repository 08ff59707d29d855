package http2

// decoder decodes the header blocks of one connection (RFC 7541). Its table grows with what the client puts into it.
type decoder struct {
	text    []byte  // of the entries, one behind the other
	entries []entry // the oldest first
	first   int     // of entries, those before it are evicted
	size    int     // of the table, as RFC 7541, section 4.1, counts it
	shrunk  int     // by how much the client has made it smaller than tableDefault
}

// entry is a field of the dynamic table.
type entry struct {
	at          uint32 // in decoder.text
	name, value uint16 // lengths
	checked     check
}

// entryOverhead is what an entry counts beyond its text (RFC 7541, section 4.1).
const entryOverhead = 32

func (e *entry) size() int { return int(e.name) + int(e.value) + entryOverhead }

// fieldSink takes the fields of a block.
type fieldSink interface {
	// add takes a field, of which checked is known. The slices are valid until it returns.
	add(name, value []byte, checked check)
	// scratch returns memory for texts that are decoded.
	scratch() *[2][]byte
}

// decode decodes a header block. It returns false if that is not valid: the table is not in step with the client's any more.
func (d *decoder) decode(block []byte, to fieldSink) bool {
	updates := true // they may only come first (RFC 7541, section 4.2)
	for len(block) > 0 {
		b := block[0]
		var ok bool
		switch {
		case b&0x80 != 0: // an indexed field (section 6.1)
			var index int
			if index, block, ok = integer(block, 7); !ok {
				return false
			}
			name, value, checked, ok := d.at(index)
			if !ok {
				return false
			}
			to.add(name, value, checked)
		case b&0xe0 == 0x20: // a change of the table's size (section 6.3)
			var size int
			if size, block, ok = integer(block, 5); !ok || !updates || size > tableDefault {
				return false
			}
			d.shrunk = tableDefault - size
			d.evict(size)
			continue
		default: // a literal (section 6.2)
			prefix := 4
			if b&0x40 != 0 {
				prefix = 6
			}
			if block, ok = d.literal(block, prefix, to); !ok {
				return false
			}
		}
		updates = false
	}
	return true
}

// literal decodes a field whose value is in the block. It goes into the table if the prefix is one of 6 bits.
func (d *decoder) literal(block []byte, prefix int, to fieldSink) ([]byte, bool) {
	scratch := to.scratch()
	index, block, ok := integer(block, prefix)
	if !ok {
		return nil, false
	}
	var name, value []byte
	if index == 0 {
		name, block, ok = str(block, &scratch[0])
	} else {
		name, _, _, ok = d.at(index)
	}
	if !ok {
		return nil, false
	}
	if value, block, ok = str(block, &scratch[1]); !ok {
		return nil, false
	}
	checked := checkField(name, value)
	to.add(name, value, checked)
	if prefix == 6 {
		d.insert(name, value, checked)
	}
	return block, true
}

// integer decodes an integer with a prefix of so many bits (RFC 7541, section 5.1).
func integer(b []byte, prefix int) (n int, rest []byte, ok bool) {
	most := 1<<prefix - 1
	if len(b) == 0 {
		return 0, nil, false
	}
	n = int(b[0]) & most
	b = b[1:]
	if n < most {
		return n, b, true
	}
	for shift := 0; shift <= 21; shift += 7 {
		if len(b) == 0 {
			return 0, nil, false
		}
		n += int(b[0]&0x7f) << shift
		last := b[0]&0x80 == 0
		b = b[1:]
		if last {
			return n, b, true
		}
	}
	return 0, nil, false
}

// str decodes a string (RFC 7541, section 5.2), into memory if it is compressed.
func str(b []byte, memory *[]byte) (s, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	compressed := b[0]&0x80 != 0
	n, b, ok := integer(b, 7)
	if !ok || n > len(b) {
		return nil, nil, false
	}
	s, rest = b[:n], b[n:]
	if compressed {
		if s, ok = decodeHuffman((*memory)[:0], s); !ok {
			return nil, nil, false
		}
		*memory = s
	}
	return s, rest, true
}

// at returns the field with an index (RFC 7541, section 2.3.3).
func (d *decoder) at(index int) (name, value []byte, checked check, ok bool) {
	if index == 0 {
		return nil, nil, 0, false
	}
	if index <= staticCount {
		f := &staticTable()[index-1]
		return f.name, f.value, f.checked, true
	}
	i := len(d.entries) - (index - staticCount)
	if i < d.first {
		return nil, nil, 0, false
	}
	e := &d.entries[i]
	name = d.text[e.at:][:e.name]
	return name, d.text[e.at+uint32(e.name):][:e.value], e.checked, true
}

// insert adds a field to the table. One that does not fit makes it empty (RFC 7541, section 4.4).
func (d *decoder) insert(name, value []byte, checked check) {
	size := len(name) + len(value) + entryOverhead
	most := tableDefault - d.shrunk
	if size > most {
		d.evict(0)
		return
	}
	at := len(d.text)
	d.text = append(append(d.text, name...), value...) // name may be that of an entry that is evicted now
	d.evict(most - size)
	d.entries = append(d.entries, entry{at: uint32(at), name: uint16(len(name)), value: uint16(len(value)), checked: checked})
	d.size += size
	d.compact()
}

// evict removes the oldest entries until the table has at most so many bytes.
func (d *decoder) evict(most int) {
	for d.size > most {
		d.size -= d.entries[d.first].size()
		d.first++
	}
}

// compact removes the memory of evicted entries when that is more than the table's.
func (d *decoder) compact() {
	if len(d.text) <= 2*tableDefault && d.first <= 2*tableDefault/entryOverhead {
		return
	}
	live := d.entries[d.first:]
	from := live[0].at
	d.text = d.text[:copy(d.text, d.text[from:])]
	for i := range live {
		live[i].at -= from
	}
	d.entries = d.entries[:copy(d.entries, live)]
	d.first = 0
}
