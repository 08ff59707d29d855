package fileserver

import (
	"strings"
	"testing"

	"aws/internal/kernel"
	"aws/internal/listing"
)

// files are a kernel.Directories for a directory "dir/" with some names, and what ReadStart returns for them.
type files struct {
	kernel.Directories
	t     *testing.T
	class map[string]kernel.Class
	asked []string
}

func (f *files) ReadStart(root kernel.Root, name string, bytesMax int) ([]byte, kernel.Class) {
	f.asked = append(f.asked, name)
	if root != 7 || bytesMax != listing.ReadmeBytesMax+1 {
		f.t.Errorf("ReadStart of %v, %d bytes", root, bytesMax)
	}
	if class := f.class[strings.TrimPrefix(name, "dir/")]; class != kernel.Done {
		return nil, class
	}
	return []byte("text of " + name), kernel.Done
}

func TestReadReadme(t *testing.T) {
	hide := func(name string) bool { return strings.HasPrefix(name, ".") || name == "README.md" }
	for _, c := range []struct {
		names  string
		class  map[string]kernel.Class
		want   string
		result kernel.Class
		asked  string
	}{
		{"", nil, "", kernel.Done, ""},
		{"a b", nil, "", kernel.Done, ""},
		{"a README", nil, "README", kernel.Done, "dir/README"},
		{"README readme.txt", nil, "readme.txt", kernel.Done, "dir/readme.txt"},
		{"README.md", nil, "", kernel.Done, ""},
		{"README README.md", nil, "README", kernel.Done, "dir/README"},
		{"README Readme.md", map[string]kernel.Class{"Readme.md": kernel.Denied}, "README", kernel.Done, "dir/Readme.md dir/README"},
		{"README Readme.md", map[string]kernel.Class{"Readme.md": kernel.Directory}, "README", kernel.Done, "dir/Readme.md dir/README"},
		{"README Readme.md", map[string]kernel.Class{"Readme.md": kernel.Absent}, "README", kernel.Done, "dir/Readme.md dir/README"},
		{"README", map[string]kernel.Class{"README": kernel.Fault}, "", kernel.Done, "dir/README"},
		{"README Readme.md", map[string]kernel.Class{"Readme.md": kernel.Exhausted}, "", kernel.Exhausted, "dir/Readme.md"},
	} {
		k := &files{t: t, class: c.class}
		var names listing.ReadmeNames
		choose := collectReadmes(&names, func(name string) (kernel.Root, bool) { return 7, !hide(name) })
		for _, name := range strings.Fields(c.names) {
			if root, shown := choose(name); shown == hide(name) || root != 7 {
				t.Errorf("%s: is hidden or shown against the rule", name)
			}
		}
		readme, class := readReadme(k, choose, "dir/", &names)
		if readme.Name != c.want || class != c.result || strings.Join(k.asked, " ") != c.asked {
			t.Errorf("%+v: %q, %v, asked for %q", c, readme.Name, class, k.asked)
		}
		if want := "text of dir/" + c.want; c.want != "" && string(readme.Text) != want {
			t.Errorf("%+v: %q, want %q", c, readme.Text, want)
		}
	}
}
