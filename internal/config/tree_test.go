package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// dump returns a node with its places.
func dump(n *Node) string {
	text := fmt.Sprintf("%d:%d %s ", n.Line, n.Column, n.Key)
	switch n.Kind {
	case NodeTable:
		var parts []string
		for _, m := range n.Members {
			parts = append(parts, dump(m))
		}
		return text + "{" + strings.Join(parts, "; ") + "}"
	case NodeArray:
		var parts []string
		for _, e := range n.Elements {
			parts = append(parts, dump(e))
		}
		return text + "[" + strings.Join(parts, "; ") + "]"
	default:
		return text + n.Text
	}
}

func TestReadTree(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "1:1  {}"},
		{"a = 1 # x\n\n  b.c = \"x\"\nb.d = true\n", "1:1  {1:1 a 1; 3:3 b {3:5 c x; 4:3 d true}}"},
		{"a = [1,\n  # x\n  'y', [true]]\n", "1:1  {1:1 a [1:6 a 1; 3:3 a y; 1:1 a [3:9 a true]]}"},
		{
			"[[s]]\nx = { y = 1, z.q = 1.5 }\n[[s.r]]\np = 1\n[[s.r]]\np = 2\n[[s]]\nx = 2024-01-01\n",
			"1:1  {1:3 s [1:3 s {2:1 x {2:7 y 1; 2:14 z {2:16 q 1.5}}; 3:5 r [3:5 r {4:1 p 1}; 5:5 r {6:1 p 2}]}; 7:3 s {8:1 x 2024-01-01}]}",
		},
		{"[a.b]\nc = 1\n[a]\nd = 1\n", "1:1  {1:2 a {1:4 b {2:1 c 1}; 4:1 d 1}}"},
		{"\"ä b\" = '''\nx\ny'''\nz = 0x1F\n", "1:1  {1:1 ä b x\ny; 4:1 z 0x1F}"},
	} {
		n, err := ReadTree("f.toml", []byte(c.text))
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
		} else if got := dump(n); got != c.want {
			t.Errorf("%q:\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
	for text, want := range map[string]string{
		"a = 1\na = 2\n":    "f.toml:2:1: ",
		"\n[[a]\n":          "f.toml:2:",
		"a = {b = 1, b = 2": "f.toml:1:",
		"a = \"\xff\"\n":    "f.toml:1:",
		"[a]\n[a]\n":        "f.toml:2:",
	} {
		_, err := ReadTree("f.toml", []byte(text))
		var placed *PlacedError
		if !errors.As(err, &placed) || !strings.HasPrefix(err.Error(), want) || placed.Line < 1 || placed.Column < 1 {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestTables sees the tables that the caller reads passed over, and others refused.
func TestTables(t *testing.T) {
	var s sample
	resolve := func(text string, tables ...string) error {
		_, _, err := Resolve(s.table(), Sources{File: "f.toml", Text: []byte(text), Tables: tables})
		return err
	}
	const text = "conns = 7\n[[site]]\nconns = 9\n[site.x]\nroot = 1\n"
	if err := resolve(text, "site"); err != nil || s.conns != 7 {
		t.Errorf("%v, %d", err, s.conns)
	}
	if err := resolve("site = [{ conns = 1 }]\nsite-x = 1\n", "site"); err == nil || strings.Contains(err.Error(), ":1:") || !strings.Contains(err.Error(), `:2: unknown key "site-x"`) {
		t.Error(err)
	}
	if err := resolve(text+"[sit]\nconns = 1\n", "site"); err == nil || !strings.Contains(err.Error(), "f.toml:6: unknown table [sit]; did you mean site?") {
		t.Error(err)
	}
	if err := resolve(text); err == nil || !strings.Contains(err.Error(), "f.toml:2: [site] is a table") {
		t.Error(err)
	}
}
