package tlsrecord

import (
	"bytes"
	"crypto/tls"
	"encoding/hex"
	"testing"
)

// pair returns the two ends of one direction.
func pair(t testing.TB, id uint16) (*Sender, *Receiver) {
	t.Helper()
	size := 32
	if id == tls.TLS_AES_256_GCM_SHA384 {
		size = 48
	}
	secret := bytes.Repeat([]byte{7}, size)
	var s Sender
	var r Receiver
	if err := s.Init(id, secret, 3); err != nil {
		t.Fatal(err)
	}
	if err := r.Init(id, secret, 3); err != nil {
		t.Fatal(err)
	}
	return &s, &r
}

func eachSuite(t *testing.T, test func(t *testing.T, id uint16)) {
	for i := range suites {
		t.Run(tls.CipherSuiteName(suites[i].id), func(t *testing.T) { test(t, suites[i].id) })
	}
}

// inner seals an inner plaintext as it stands: content, content type, padding.
func inner(s *Sender, plain []byte) []byte {
	buf := append(make([]byte, HeaderBytes), plain...)
	buf = append(buf, make([]byte, tagBytes)...)
	content := len(plain) - 1
	n := s.SealInPlace(buf, ContentType(plain[content]), content)
	return buf[:n]
}

// TestKeysOfRFC8448 derives the server's application keys of section 3 of RFC 8448.
func TestKeysOfRFC8448(t *testing.T) {
	secret, _ := hex.DecodeString("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
	var s Sender
	if err := s.Init(tls.TLS_AES_128_GCM_SHA256, secret, 0); err != nil {
		t.Fatal(err)
	}
	key, iv, sequence, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(key); got != "9f02283b6c9c07efc26bb9f2ac92e356" {
		t.Errorf("key %s", got)
	}
	if got := hex.EncodeToString(iv); got != "cf782b88dd83549aadf1e984" {
		t.Errorf("iv %s", got)
	}
	if sequence != 0 {
		t.Errorf("sequence number %d", sequence)
	}
}

func TestInitRefuses(t *testing.T) {
	var s Sender
	if s.Init(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, make([]byte, 32), 0) == nil {
		t.Error("a suite of TLS 1.2 was accepted")
	}
	if s.Init(tls.TLS_AES_256_GCM_SHA384, make([]byte, 32), 0) == nil {
		t.Error("a secret that is too short was accepted")
	}
}

func TestRoundTrip(t *testing.T) {
	eachSuite(t, func(t *testing.T, id uint16) {
		s, r := pair(t, id)
		for _, n := range []int{1, 150, 1300, ContentMax} {
			content := bytes.Repeat([]byte{'a'}, n)
			record := s.Seal(nil, TypeData, content)
			for cut := range min(len(record), 200) {
				if o := r.Open(record[:cut]); o.Result != Incomplete {
					t.Fatalf("%d of %d bytes: %+v", cut, len(record), o)
				}
			}
			o := r.Open(record)
			if o.Result != Data || o.Bytes != len(record) || !bytes.Equal(record[o.From:o.To], content) {
				t.Fatalf("%d bytes: %+v", n, o)
			}
		}
	})
}

// TestSealOwn makes the same records as Seal, behind others, and leaves the content and what is behind it as it was.
func TestSealOwn(t *testing.T) {
	eachSuite(t, func(t *testing.T, id uint16) {
		s, r := pair(t, id)
		for _, n := range []int{1, 150, 1300, ContentMax} {
			memory := append(bytes.Repeat([]byte{'a'}, n), "behind"...)
			want := s.Seal([]byte("before"), TypeData, memory[:n])
			s.SetSequence(s.Sequence() - 1)
			record := s.SealOwn([]byte("before"), TypeData, memory[:n])
			if !bytes.Equal(record, want) || string(memory[n:]) != "behind" {
				t.Fatalf("%d bytes: another record, or %q behind them", n, memory[n:])
			}
			if o := r.Open(record[len("before"):]); o.Result != Data || o.To-o.From != n {
				t.Fatalf("%d bytes: %+v", n, o)
			}
		}
	})
}

// TestBitFlips changes every byte of a record: nothing is delivered.
func TestBitFlips(t *testing.T) {
	eachSuite(t, func(t *testing.T, id uint16) {
		s, r := pair(t, id)
		record := s.Seal(nil, TypeData, []byte("some content"))
		for i := range record {
			changed := bytes.Clone(record)
			changed[i] ^= 1
			if o := r.Open(changed); o.Result != Broken && o.Result != Incomplete {
				t.Errorf("byte %d: %+v", i, o)
			}
		}
		if o := r.Open(record); o.Result != Data {
			t.Errorf("the record itself: %+v", o)
		}
	})
}

func TestReplayAndReorder(t *testing.T) {
	s, r := pair(t, tls.TLS_AES_128_GCM_SHA256)
	first, second := s.Seal(nil, TypeData, []byte("1")), s.Seal(nil, TypeData, []byte("2"))
	wantBroken(t, "reordered", r.Open(bytes.Clone(second)), AlertBadRecordMAC)
	if o := r.Open(bytes.Clone(first)); o.Result != Data {
		t.Fatalf("first: %+v", o)
	}
	wantBroken(t, "replayed", r.Open(first), AlertBadRecordMAC)
}

func wantBroken(t *testing.T, name string, o Opened, want Alert) {
	t.Helper()
	if o.Result != Broken || o.Alert != want {
		t.Errorf("%s: %+v, not alert %d", name, o, want)
	}
}

// TestRefused has inner plaintexts and bare records that end the connection.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name  string
		plain []byte
		alert Alert
	}{
		{"all zero", make([]byte, 9), AlertUnexpectedMessage},
		{"unknown type", []byte{1, 99}, AlertUnexpectedMessage},
		{"change_cipher_spec", []byte{1, 20}, AlertUnexpectedMessage},
		{"empty alert", []byte{21}, AlertUnexpectedMessage},
		{"short alert", []byte{2, 21}, AlertDecodeError},
		{"empty handshake", []byte{22}, AlertUnexpectedMessage},
		{"client_hello", []byte{1, 0, 0, 0, 22}, AlertUnexpectedMessage},
		{"update of wrong length", []byte{24, 0, 0, 2, 0, 22}, AlertDecodeError},
		{"update with unknown request", []byte{24, 0, 0, 1, 2, 22}, AlertIllegalParameter},
		{"two updates in a record", []byte{24, 0, 0, 1, 0, 24, 0, 0, 1, 0, 22}, AlertUnexpectedMessage},
		{"one byte too long", append(make([]byte, ContentMax+1), 23), AlertRecordOverflow},
		{"padding too long", append([]byte{1, 23}, make([]byte, ContentMax)...), AlertRecordOverflow},
	} {
		s, r := pair(t, tls.TLS_AES_128_GCM_SHA256)
		wantBroken(t, c.name, r.Open(inner(s, c.plain)), c.alert)
	}
	_, r := pair(t, tls.TLS_AES_128_GCM_SHA256)
	wantBroken(t, "outer change_cipher_spec", r.Open([]byte{20, 3, 3, 0, 1, 1}), AlertUnexpectedMessage)
	wantBroken(t, "oversize", r.Open([]byte{23, 3, 3, 0x41, 1}), AlertRecordOverflow)
	wantBroken(t, "shorter than a tag", r.Open([]byte{23, 3, 3, 0, 16}), AlertBadRecordMAC)
}

func TestPaddingIsRemoved(t *testing.T) {
	s, r := pair(t, tls.TLS_AES_128_GCM_SHA256)
	record := inner(s, []byte{'x', 0, 23, 0, 0, 0})
	if o := r.Open(record); o.Result != Data || string(record[o.From:o.To]) != "x\x00" {
		t.Errorf("%+v", o)
	}
}

func TestFloods(t *testing.T) {
	s, r := pair(t, tls.TLS_AES_128_GCM_SHA256)
	for i := range emptyMax {
		if o := r.Open(s.Seal(nil, TypeData, nil)); o.Result != Nothing {
			t.Fatalf("empty record %d: %+v", i, o)
		}
	}
	wantBroken(t, "empty records", r.Open(s.Seal(nil, TypeData, nil)), AlertUnexpectedMessage)

	s, r = pair(t, tls.TLS_AES_128_GCM_SHA256)
	for i := range updatesMax + 1 {
		record, err := s.SealUpdate(nil)
		if err != nil {
			t.Fatal(err)
		}
		if o := r.Open(record); i < updatesMax && o.Result != Nothing {
			t.Fatalf("update %d: %+v", i, o)
		} else if i == updatesMax {
			wantBroken(t, "updates", o, AlertUnexpectedMessage)
		}
	}
}

// TestUpdateInPieces splits a KeyUpdate over two records at every byte; data after it has the next key.
func TestUpdateInPieces(t *testing.T) {
	eachSuite(t, func(t *testing.T, id uint16) {
		message := []byte{24, 0, 0, 1, 1}
		for cut := 1; cut < len(message); cut++ {
			s, r := pair(t, id)
			if o := r.Open(s.Seal(nil, TypeHandshake, message[:cut])); o.Result != Nothing {
				t.Fatalf("cut %d: %+v", cut, o)
			}
			if o := r.Open(s.Seal(nil, TypeHandshake, message[cut:])); o.Result != UpdateRequested {
				t.Fatalf("cut %d: %+v", cut, o)
			}
			if err := s.update(); err != nil {
				t.Fatal(err)
			}
			if o := r.Open(s.Seal(nil, TypeData, []byte("x"))); o.Result != Data {
				t.Fatalf("cut %d, data: %+v", cut, o)
			}
		}
	})
	s, r := pair(t, tls.TLS_AES_128_GCM_SHA256)
	r.Open(s.Seal(nil, TypeHandshake, []byte{24}))
	wantBroken(t, "data within a message", r.Open(s.Seal(nil, TypeData, []byte("x"))), AlertUnexpectedMessage)
}

func TestAlerts(t *testing.T) {
	s, r := pair(t, tls.TLS_AES_128_GCM_SHA256)
	if o := r.Open(s.SealAlert(nil, AlertCloseNotify)); o.Result != Closed {
		t.Errorf("%+v", o)
	}
	if o := r.Open(s.SealAlert(nil, AlertBadRecordMAC)); o.Result != PeerAlert || o.Alert != AlertBadRecordMAC {
		t.Errorf("%+v", o)
	}
}

func TestUpdateDue(t *testing.T) {
	s, _ := pair(t, tls.TLS_AES_128_GCM_SHA256)
	s.sequence = recordsPerKey - 1
	if s.UpdateDue() {
		t.Error("due too early")
	}
	s.sequence++
	if !s.UpdateDue() {
		t.Error("not due")
	}
}

func TestNoAllocations(t *testing.T) {
	eachSuite(t, func(t *testing.T, id uint16) {
		s, r := pair(t, id)
		buf := make([]byte, 1300+OverheadBytes)
		if n := testing.AllocsPerRun(100, func() {
			n := s.SealInPlace(buf, TypeData, 1300)
			if r.Open(buf[:n]).Result != Data {
				t.Error("not opened")
			}
		}); n != 0 {
			t.Errorf("%v allocations for a record", n)
		}
	})
}

func FuzzOpen(f *testing.F) {
	s, _ := pair(f, tls.TLS_AES_128_GCM_SHA256)
	genuine := s.Seal(nil, TypeData, []byte("x"))
	f.Add(bytes.Clone(genuine))
	f.Add([]byte{20, 3, 3, 0, 1, 1})
	f.Fuzz(func(t *testing.T, buf []byte) {
		_, r := pair(t, tls.TLS_AES_128_GCM_SHA256)
		authentic := bytes.HasPrefix(buf, genuine)
		if o := r.Open(buf); o.Result != Incomplete && o.Result != Broken && !authentic {
			t.Fatalf("%+v", o)
		}
	})
}

func benchmarkSeal(b *testing.B, n int) {
	s, _ := pair(b, tls.TLS_AES_128_GCM_SHA256)
	buf := make([]byte, n+OverheadBytes)
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		s.SealInPlace(buf, TypeData, n)
	}
}

func BenchmarkSeal1300(b *testing.B)  { benchmarkSeal(b, 1300) }
func BenchmarkSeal16384(b *testing.B) { benchmarkSeal(b, ContentMax) }

func BenchmarkOpen150(b *testing.B) {
	s, r := pair(b, tls.TLS_AES_128_GCM_SHA256)
	record := s.Seal(nil, TypeData, make([]byte, 150))
	buf := make([]byte, len(record))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, record)
		r.sequence = 3
		if r.Open(buf).Result != Data {
			b.Fatal("not opened")
		}
	}
}
