package goloop

import (
	"fmt"
	"net/http"
	"testing"

	"aws/internal/docroot"
	"aws/internal/handler/fileserver"

	"golang.org/x/crypto/bcrypt"
)

func TestMountWithPasswords(t *testing.T) {
	s := newSite(t)
	hash, err := bcrypt.GenerateFromPassword([]byte("sesame"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users, err := docroot.ParsePasswords(fmt.Appendf(nil, "ali:%s\n", hash))
	if err != nil {
		t.Fatal(err)
	}
	server := startServe(t, s, func(o *fileserver.Options, _ *ServerConfig) {
		o.Access = []*docroot.AccessRule{{Prefix: "/dynamic/", Users: users}}
	})
	base := "http://" + server.Addrs()[0].String()
	defer http.DefaultClient.CloseIdleConnections()
	for range 3 { // the second time from memory
		for _, tc := range []struct {
			path, user, password string
			want                 int
		}{
			{"/k", "", "", 200},
			{"/dynamic/k", "", "", 401},
			{"/dynamic/none", "", "", 401},
			{"/dynamic/k", "ali", "sesame", 200},
			{"/dynamic/none", "ali", "sesame", 404},
			{"/dynamic/k", "ali", "simsim", 401},
			{"/dynamic/k", "kasim", "sesame", 401},
		} {
			req, _ := http.NewRequest(http.MethodGet, base+tc.path, nil)
			if tc.user != "" {
				req.SetBasicAuth(tc.user, tc.password)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tc.want {
				t.Errorf("%s as %q with %q: %s", tc.path, tc.user, tc.password, resp.Status)
			}
			if (resp.Header.Get("WWW-Authenticate") != "") != (tc.want == 401) {
				t.Errorf("%s: WWW-Authenticate: %q with %s", tc.path, resp.Header.Get("WWW-Authenticate"), resp.Status)
			}
		}
	}
}
