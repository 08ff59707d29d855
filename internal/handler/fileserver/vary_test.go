package fileserver

import "testing"

// TestVaryOfOptions has a Vary of the options, which the server adds to in the same line.
func TestVaryOfOptions(t *testing.T) {
	for value, want := range map[string]string{"Cookie": "Cookie, Accept", "accept, Cookie": "accept, Cookie", "*": "*"} {
		s := newSite(t, func(o *Options) { o.List, o.Fields = true, []Field{{Name: "vary", Value: value}} })
		if got := s.Do(t, get("/list/")).Header.Values("Vary"); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}
