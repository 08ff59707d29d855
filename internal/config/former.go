package config

import (
	"fmt"
	"strings"
)

// Options that have another name since the last release keep the former one for a release. Its use gives a warning that
// names the new one.

// formerly returns the options that have a former name, by that name.
func formerly(groups []Group) map[string]*Option {
	former := map[string]*Option{}
	each(groups, func(o *Option) {
		if o.Former != "" {
			former[o.Former] = o
		}
	})
	return former
}

// warning returns the warning about a former name. Both names are in the form of their source, such as
// --name or NAME.
func (o *Option) warning(former, now string) string {
	text := fmt.Sprintf("%s is called %s now, and the former name goes with the next release", former, now)
	if o.FormerNote != "" {
		text += "; " + o.FormerNote
	}
	return text
}

// both returns the error about an option that is given with its former name and its present name.
func both(former, now string) error {
	return fmt.Errorf("%s is the former name of %s, which is given, too; leave it out", former, now)
}

// renameFlags moves the values given with former names to the present names.
func renameFlags(former map[string]*Option, given Given) (renamed Given, warnings []string, errs []error) {
	renamed = Given{}
	for name, values := range given {
		o := former[name]
		if o == nil {
			renamed[name] = values
			continue
		}
		if len(given[o.Name]) > 0 {
			errs = append(errs, both("--"+name, "--"+o.Name))
			continue
		}
		renamed[o.Name] = values
		warnings = append(warnings, o.warning("--"+name, "--"+o.Name))
	}
	return renamed, warnings, errs
}

// renameEnviron renames variables with former names to the present names.
func renameEnviron(former map[string]*Option, environ []string) (renamed, warnings []string, errs []error) {
	set := map[string]bool{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		set[name] = value != ""
	}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		key := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, Prefix), "_", "-"))
		o := former[key]
		if o == nil || !strings.HasPrefix(name, Prefix) || value == "" {
			renamed = append(renamed, e)
			continue
		}
		if set[o.Env()] {
			errs = append(errs, both(name, o.Env()))
			continue
		}
		renamed = append(renamed, o.Env()+"="+value)
		warnings = append(warnings, o.warning(name, o.Env()))
	}
	return renamed, warnings, errs
}
