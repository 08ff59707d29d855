package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

const trace = `[
{"ph":"M","name":"process_name","pid":1,"tid":0,"args":{"name":"loop 0"}},
{"ph":"X","name":"turn","pid":1,"tid":0,"ts":100.000,"dur":50.000,"args":{"events":1}},
{"ph":"X","name":"CONN_READING","pid":1,"tid":32,"ts":100.000,"dur":10.000,"args":{"conn":2}},
{"ph":"X","name":"CONN_READING_ASYNC","pid":1,"tid":32,"ts":110.000,"dur":2000.000,"args":{"conn":2}},
{"ph":"X","name":"read","pid":1,"tid":33,"ts":120.000,"dur":1900.000,"args":{"offset":0,"bytes":1,"result":1}},
{"ph":"X","name":"CONN_SENDING","pid":1,"tid":16,"ts":130.000,"dur":100.000,"args":{"conn":1}}
]`

func TestDraw(t *testing.T) {
	var out strings.Builder
	if err := draw(&out, []byte(trace)); err != nil {
		t.Fatal(err)
	}
	picture := out.String()
	for d := xml.NewDecoder(strings.NewReader(picture)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(picture, "%!") {
		t.Error("a number is missing")
	}
	first, second, turns := strings.Index(picture, ">conn 2<"), strings.Index(picture, ">conn 1<"), strings.Index(picture, ">loop 0<")
	if turns < 0 || turns > first || first > second {
		t.Errorf("rows at %d, %d, %d", turns, first, second)
	}
	for _, class := range []string{"t", "r", "a", "d", "s"} {
		if !strings.Contains(picture, `<path class="`+class+`" d="M`) {
			t.Errorf("no span of class %s", class)
		}
	}
}

func TestNothingToDraw(t *testing.T) {
	for _, text := range []string{"", "[]", "{}"} {
		if draw(io.Discard, []byte(text)) == nil {
			t.Errorf("%q was drawn", text)
		}
	}
}
