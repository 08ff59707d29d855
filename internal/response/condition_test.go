package response

import "testing"

func TestEvaluate_9110_13_2_2(t *testing.T) {
	const (
		modified = 784111777
		same     = "Sun, 06 Nov 1994 08:49:37 GMT"
		before   = "Sun, 06 Nov 1994 08:49:36 GMT"
		after    = "Sun, 06 Nov 1994 08:49:38 GMT"
		now      = 1_760_000_000
	)
	lines := func(values ...string) (out [][]byte) {
		for _, v := range values {
			out = append(out, []byte(v))
		}
		return out
	}
	b := func(s string) []byte { return []byte(s) }
	for _, c := range []struct {
		name       string // RFC 9110 section first
		conditions Conditions
		get, other Outcome // for GET and HEAD, for other methods
	}{
		{"13.2 none", Conditions{}, Proceed, Proceed},

		{"13.1.1 If-Match the same", Conditions{IfMatch: lines(`"x"`)}, Proceed, Proceed},
		{"13.1.1 If-Match any", Conditions{IfMatch: lines(`*`)}, Proceed, Proceed},
		{"13.1.1 If-Match in second line", Conditions{IfMatch: lines(`"a"`, `"x"`)}, Proceed, Proceed},
		{"13.1.1 If-Match other", Conditions{IfMatch: lines(`"a"`)}, OutcomePreconditionFailed, OutcomePreconditionFailed},
		{"13.1.1 If-Match weak", Conditions{IfMatch: lines(`W/"x"`)}, OutcomePreconditionFailed, OutcomePreconditionFailed},
		{"13.1.1 If-Match malformed", Conditions{IfMatch: lines(`x`)}, OutcomePreconditionFailed, OutcomePreconditionFailed},
		{"13.1.1 If-Match empty", Conditions{IfMatch: lines(``)}, Proceed, Proceed},

		{"13.1.2 If-None-Match the same", Conditions{IfNoneMatch: lines(`"x"`)}, OutcomeNotModified, OutcomePreconditionFailed},
		{"13.1.2 If-None-Match weak", Conditions{IfNoneMatch: lines(`W/"x"`)}, OutcomeNotModified, OutcomePreconditionFailed},
		{"13.1.2 If-None-Match any", Conditions{IfNoneMatch: lines(`*`)}, OutcomeNotModified, OutcomePreconditionFailed},
		{"13.1.2 If-None-Match other", Conditions{IfNoneMatch: lines(`"a"`)}, Proceed, Proceed},
		{"13.1.2 If-None-Match malformed", Conditions{IfNoneMatch: lines(`x`)}, Proceed, Proceed},

		{"13.1.3 If-Modified-Since the same", Conditions{IfModifiedSince: b(same)}, OutcomeNotModified, Proceed},
		{"13.1.3 If-Modified-Since later", Conditions{IfModifiedSince: b(after)}, OutcomeNotModified, Proceed},
		{"13.1.3 If-Modified-Since earlier", Conditions{IfModifiedSince: b(before)}, Proceed, Proceed},
		{"13.1.3 If-Modified-Since malformed", Conditions{IfModifiedSince: b("x")}, Proceed, Proceed},
		{"13.1.3 If-Modified-Since in RFC 850", Conditions{IfModifiedSince: b("Sunday, 06-Nov-94 08:49:37 GMT")}, OutcomeNotModified, Proceed},

		{"13.1.4 If-Unmodified-Since the same", Conditions{IfUnmodifiedSince: b(same)}, Proceed, Proceed},
		{"13.1.4 If-Unmodified-Since later", Conditions{IfUnmodifiedSince: b(after)}, Proceed, Proceed},
		{"13.1.4 If-Unmodified-Since earlier", Conditions{IfUnmodifiedSince: b(before)}, OutcomePreconditionFailed, OutcomePreconditionFailed},
		{"13.1.4 If-Unmodified-Since malformed", Conditions{IfUnmodifiedSince: b("x")}, Proceed, Proceed},

		{"13.1.5 If-Range the same tag", Conditions{IfRange: b(`"x"`)}, Proceed, Proceed},
		{"13.1.5 If-Range other tag", Conditions{IfRange: b(`"a"`)}, ProceedWhole, ProceedWhole},
		{"13.1.5 If-Range weak tag", Conditions{IfRange: b(`W/"x"`)}, ProceedWhole, ProceedWhole},
		{"13.1.5 If-Range any", Conditions{IfRange: b(`*`)}, ProceedWhole, ProceedWhole},
		{"13.1.5 If-Range list", Conditions{IfRange: b(`"x", "x"`)}, ProceedWhole, ProceedWhole},
		{"13.1.5 If-Range the same date", Conditions{IfRange: b(same)}, Proceed, Proceed},
		{"13.1.5 If-Range earlier", Conditions{IfRange: b(before)}, ProceedWhole, ProceedWhole},
		{"13.1.5 If-Range later", Conditions{IfRange: b(after)}, ProceedWhole, ProceedWhole},
		{"13.1.5 If-Range malformed", Conditions{IfRange: b("x")}, ProceedWhole, ProceedWhole},

		{
			"13.2.2 step 1 over 2",
			Conditions{IfMatch: lines(`"x"`), IfUnmodifiedSince: b(before)},
			Proceed, Proceed,
		},
		{
			"13.2.2 empty If-Match leaves step 2",
			Conditions{IfMatch: lines(``), IfUnmodifiedSince: b(before)},
			OutcomePreconditionFailed, OutcomePreconditionFailed,
		},
		{
			"13.2.2 step 1 before 3",
			Conditions{IfMatch: lines(`"a"`), IfNoneMatch: lines(`"x"`)},
			OutcomePreconditionFailed, OutcomePreconditionFailed,
		},
		{
			"13.2.2 step 2 before 3",
			Conditions{IfUnmodifiedSince: b(before), IfNoneMatch: lines(`"x"`)},
			OutcomePreconditionFailed, OutcomePreconditionFailed,
		},
		{
			"13.2.2 step 3 over 4",
			Conditions{IfNoneMatch: lines(`"a"`), IfModifiedSince: b(same)},
			Proceed, Proceed,
		},
		{
			"13.2.2 step 3 before 5",
			Conditions{IfNoneMatch: lines(`"x"`), IfRange: b(`"a"`)},
			OutcomeNotModified, OutcomePreconditionFailed,
		},
		{
			"13.2.2 step 4 before 5",
			Conditions{IfModifiedSince: b(same), IfRange: b(`"a"`)},
			OutcomeNotModified, ProceedWhole,
		},
	} {
		v := Validators{ETag: b(`"x"`), ModifiedSeconds: modified}
		for _, safe := range []bool{true, false} {
			want := c.get
			if !safe {
				want = c.other
			}
			if got := Evaluate(&c.conditions, &v, safe, now); got != want {
				t.Errorf("%s: safe=%t: %v, want %v", c.name, safe, got, want)
			}
		}
	}

	undated := Validators{Undated: true}
	for _, c := range []struct {
		conditions Conditions
		want       Outcome
	}{
		{Conditions{IfModifiedSince: b(after), IfUnmodifiedSince: b(before)}, Proceed},
		{Conditions{IfRange: b("Thu, 01 Jan 1970 00:00:00 GMT")}, ProceedWhole},
		{Conditions{IfRange: b(`"x"`)}, ProceedWhole},
		{Conditions{IfMatch: lines(`*`)}, Proceed},
		{Conditions{IfMatch: lines(`"x"`)}, OutcomePreconditionFailed},
		{Conditions{IfNoneMatch: lines(`"x"`)}, Proceed},
	} {
		if got := Evaluate(&c.conditions, &undated, true, now); got != c.want {
			t.Errorf("without validators: %+v: %v, want %v", c.conditions, got, c.want)
		}
	}
}

// FuzzEvaluate: nothing panics, 304 responses GET and HEAD only, a range is honoured only under a validator that
// is the file's own, and without conditions everything proceeds.
func FuzzEvaluate(f *testing.F) {
	f.Add([]byte(`"x"`), []byte(``), []byte("Sun, 06 Nov 1994 08:49:37 GMT"), []byte(``), []byte(`"x"`), true)
	f.Add([]byte(``), []byte(`W/"x", "y"`), []byte(``), []byte("Sunday, 06-Nov-94 08:49:36 GMT"), []byte(`W`), false)
	f.Add([]byte(`*`), []byte(`"`), []byte(`x`), []byte(`x`), []byte("Sun Nov  6 08:49:37 1994"), true)
	f.Fuzz(func(t *testing.T, match, noneMatch, modified, unmodified, ifRange []byte, safe bool) {
		v := Validators{ETag: []byte(`"x"`), ModifiedSeconds: 784111777}
		c := Conditions{
			IfMatch: [][]byte{match}, IfNoneMatch: [][]byte{noneMatch},
			IfModifiedSince: modified, IfUnmodifiedSince: unmodified, IfRange: ifRange,
		}
		switch outcome := Evaluate(&c, &v, safe, 0); outcome {
		case OutcomeNotModified:
			if !safe {
				t.Fatal("304 to a method that changes things")
			}
		case Proceed:
			seconds, ok := ParseDate(ifRange, 0)
			if len(ifRange) > 0 && string(ifRange) != `"x"` && (!ok || seconds != v.ModifiedSeconds) {
				t.Fatalf("a range in spite of If-Range %q", ifRange)
			}
		case OutcomePreconditionFailed:
			if len(match)+len(unmodified) == 0 && (safe || len(noneMatch) == 0) {
				t.Fatal("412 without a precondition")
			}
		case ProceedWhole:
			if len(ifRange) == 0 {
				t.Fatal("no range without If-Range")
			}
		}
	})
}
