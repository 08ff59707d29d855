package docroot

import "testing"

func TestAccessTable(t *testing.T) {
	users := &Passwords{}
	all := &AccessRule{Prefix: "/", Users: users}
	public := &AccessRule{Prefix: "/pub/"}
	inner := &AccessRule{Prefix: "/pub/inner/", Users: users}
	for _, rules := range [][]*AccessRule{{all, public, inner}, {inner, public, all}, {public, inner, all}} {
		table, err := NewAccessTable(rules...)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]*AccessRule{
			"/": all, "/a": all, "/public": all, "/pu": all, "/publ/x": all, "/dynamic/x": all,
			"/pub": public, "/pub/": public, "/pub/x": public, "/pub/innerx": public,
			"/pub/inner": inner, "/pub/inner/": inner, "/pub/inner/x/y": inner,
		} {
			if got := table.Match([]byte(path)); got != want {
				t.Errorf("%s: %+v, want %+v", path, got, want)
			}
		}
	}
	few, err := NewAccessTable(inner)
	if err != nil || few.Match([]byte("/pub/")) != nil {
		t.Errorf("a rule covers what is above it, %v", err)
	}
	for _, bad := range [][]*AccessRule{{all, all}, {{Prefix: "x/"}}, {{Prefix: "/x"}}, {{Prefix: ""}}} {
		if _, err := NewAccessTable(bad...); err == nil {
			t.Errorf("%q is accepted", bad[0].Prefix)
		}
	}
}

func TestAccessRuleIncludes(t *testing.T) {
	users := &Passwords{}
	all, inner := &AccessRule{Prefix: "/", Users: users}, &AccessRule{Prefix: "/in/", Users: users}
	others, anybody := &AccessRule{Prefix: "/other/", Users: &Passwords{}}, &AccessRule{Prefix: "/pub/"}
	for _, c := range []struct {
		r, other *AccessRule
		want     bool
	}{
		{nil, nil, true},
		{nil, anybody, true},
		{anybody, nil, true},
		{all, nil, true},
		{all, anybody, true},
		{all, all, true},
		{all, inner, true},
		{inner, all, true},
		{nil, all, false},
		{anybody, all, false},
		{all, others, false},
		{others, all, false},
	} {
		if got := c.r.Includes(c.other); got != c.want {
			t.Errorf("%+v, %+v: %v", c.r, c.other, got)
		}
	}
}
