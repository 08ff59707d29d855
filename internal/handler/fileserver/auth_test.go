package fileserver

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"aws/internal/docroot"
	"aws/internal/handler"

	"golang.org/x/crypto/bcrypt"
)

// users returns one user, ali, whose password is sesame.
func users(t testing.TB) *docroot.Passwords {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	u, err := docroot.ParsePasswords(fmt.Appendf(nil, "ali:%s\n", hash))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func credentials(text string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(text))
}

func protect(t testing.TB, prefix string) func(o *Options) {
	return func(o *Options) { o.Access = []*docroot.AccessRule{{Prefix: prefix, Users: users(t)}} }
}

// TestAuthorize has who gets what of a directory that needs a password.
func TestAuthorize(t *testing.T) {
	right, wrong := credentials("ali:sesame"), credentials("ali:open")
	for _, test := range []struct {
		name   string
		text   string
		status int
		file   string
		checks int // passwords that were compared with their hash
		user   string
	}{
		{"none", get("/dir/index.txt"), 401, "", 0, ""},
		{"right", get("/dir/index.txt", right), 200, "dir/index.txt", 1, "ali"},
		{"wrong", get("/dir/index.txt", wrong), 401, "", 1, ""},
		{"an unknown user", get("/dir/index.txt", credentials("baba:sesame")), 401, "", 1, ""},
		{"the name of the scheme in capitals", get("/dir/", strings.Replace(right, "Basic", "BASIC", 1)), 200, "dir/index.txt", 1, "ali"},
		{"another scheme", get("/dir/index.txt", "Authorization: Bearer x"), 401, "", 0, ""},
		{"no base64", get("/dir/index.txt", "Authorization: Basic ?"), 401, "", 0, ""},
		{"no colon", get("/dir/index.txt", credentials("ali")), 401, "", 0, ""},
		{"too long", get("/dir/index.txt", credentials("ali:"+strings.Repeat("x", 600))), 401, "", 0, ""},
		{"twice", get("/dir/index.txt", right, right), 401, "", 0, ""},
		{"the directory without its slash", get("/dir"), 401, "", 0, ""},
		{"what is not there", get("/dir/none"), 401, "", 0, ""},
		{"what is not there, with a password", get("/dir/none", right), 404, "", 1, "ali"},
		{"OPTIONS needs none, and shows nothing", write("OPTIONS", "/dir/none"), 204, "", 0, ""},
		{"elsewhere", get("/page.html"), 200, "page.html", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, protect(t, "/dir/"))
			e := s.Do(t, test.text)
			if int(e.Status) != test.status || e.File != test.file || len(s.Keys) != test.checks || string(e.User) != test.user {
				t.Errorf("%d, %q, %d checks, user %q, want %d, %q, %d, %q",
					e.Status, e.File, len(s.Keys), e.User, test.status, test.file, test.checks, test.user)
			}
			if test.status == 401 {
				checkFields(t, e.Header, map[string]string{"Www-Authenticate": `Basic realm="files", charset="UTF-8"`})
			}
			if test.status == 401 && len(s.Asked) > 0 {
				t.Errorf("%q were looked up", s.Asked)
			}
		})
	}
}

// TestChecksAreDoneOnce has credentials that were right, and come again.
func TestChecksAreDoneOnce(t *testing.T) {
	s := newSite(t, protect(t, "/dir/"))
	for range 3 {
		if e := s.Do(t, get("/dir/", credentials("ali:sesame"))); e.Status != 200 || string(e.User) != "ali" {
			t.Errorf("%d, user %q", e.Status, e.User)
		}
	}
	if len(s.Keys) != 1 {
		t.Errorf("%d checks", len(s.Keys))
	}
}

// TestChecksThatAreNotDone has a check that is pending, and one that is refused.
func TestChecksThatAreNotDone(t *testing.T) {
	s := newSite(t, protect(t, "/dir/"))
	s.Outcome = handler.OutcomePending
	if e := s.Do(t, get("/dir/", credentials("ali:sesame"))); e.Decided {
		t.Errorf("decided: %d", e.Status)
	}
	s.Outcome = handler.OutcomeRefused
	e := s.Do(t, get("/dir/", credentials("ali:sesame")))
	if e.Status != 503 {
		t.Errorf("status %d", e.Status)
	}
	checkFields(t, e.Header, map[string]string{"Retry-After": "1", "Www-Authenticate": "-"})
}

// TestFilesOfOtherRules has an index, and a fallback, that need a password where the requested path needs none.
func TestFilesOfOtherRules(t *testing.T) {
	for _, test := range []struct {
		name, prefix string
		change       func(o *Options)
		path, file   string
	}{
		{"an index", "/a/other/", func(o *Options) { o.Index = []string{"a/other/o"} }, "/", "o"},
		{"a fallback", "/dir/", func(o *Options) { o.SPA = "/dir/index.txt" }, "/none", "dir/index.txt"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, func(o *Options) {
				protect(t, test.prefix)(o)
				test.change(o)
			})
			if e := s.Do(t, get(test.path)); e.Status != 401 {
				t.Errorf("status %d without a password", e.Status)
			}
			if e := s.Do(t, get(test.path, credentials("ali:sesame"))); e.Status != 200 || e.File != test.file {
				t.Errorf("%d, %q with a password", e.Status, e.File)
			}
			s.Outcome = handler.OutcomePending
			if e := s.Do(t, get(test.path, credentials("ali:open"))); e.Decided {
				t.Errorf("decided: %d", e.Status)
			}
		})
	}
}
