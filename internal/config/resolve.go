package config

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Sources are the sources of values. Each may be empty.
type Sources struct {
	Given   Given    // the flags on the command line
	Environ []string // NAME=value, as in os.Environ
	File    string   // the name of the configuration file, for messages
	Text    []byte   // its contents
	Tables  []string // names of tables in the file that are not options; the caller reads them (ReadTree)
	Own     []string // known variables that begin with Prefix and are not options
}

// Origins contains the origin of each option's value, by the name of the option: "default", a flag, a
// variable, or a line of a file.
type Origins map[string]string

// OriginDefault is the origin of a value that was not set.
const OriginDefault = "default"

// Resolve sets the value of every option of a table: that of its flag, otherwise that of its variable,
// otherwise that of the file, otherwise its default. Lists are not joined: a list in a flag replaces the
// list in the file. The error contains all mistakes, one per line. The warnings concern former names, and
// variables that begin with Prefix and are not options. These are not errors, because container engines set
// such variables.
func Resolve(groups []Group, src Sources) (origins Origins, warnings []string, err error) {
	byName, names := index(groups)
	former := formerly(groups)
	given, warnings, errs := renameFlags(former, src.Given)
	environ, more, envErrs := renameEnviron(former, src.Environ)
	src.Given, src.Environ = given, environ
	warnings, errs = append(warnings, more...), append(errs, envErrs...)
	origins = Origins{}
	each(groups, func(o *Option) {
		o.reset()
		origins[o.Name] = OriginDefault
	})
	r := fileReader{byName: byName, names: names, former: former, file: src.File, tables: src.Tables, origins: origins}
	errs = append(errs, r.read(src.Text)...)
	strangers, envErrs := readEnviron(byName, names, src, origins)
	warnings, errs = append(append(warnings, r.warnings...), strangers...), append(errs, envErrs...)
	each(groups, func(o *Option) {
		values := src.Given[o.Name]
		if len(values) == 0 {
			return
		}
		if err := o.set(values); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", o.Name, err))
		}
		origins[o.Name] = "flag --" + o.Name
	})
	return origins, warnings, errors.Join(errs...)
}

// set sets the variable of the option to one or several values.
func (o *Option) set(values []string) error {
	if o.IsList() {
		for _, s := range values {
			if _, err := o.parse(s); err != nil {
				return err
			}
		}
		return assign(o.Into, values)
	}
	v, err := o.parse(values[len(values)-1])
	if err != nil {
		return err
	}
	return assign(o.Into, v)
}

// readEnviron reads the variables. For a list, AWSD_X contains the values with commas between them, or
// AWSD_X_0, AWSD_X_1, ... contain one value each, which may contain commas. An empty variable is ignored.
func readEnviron(byName map[string]*Option, names []string, src Sources, origins Origins) (strangers []string, errs []error) {
	variables := map[string]string{}
	var order []string
	for _, e := range src.Environ {
		name, value, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, Prefix) && value != "" {
			variables[name] = value
			order = append(order, name)
		}
	}
	sort.Strings(order)
	known := map[string]bool{}
	for _, name := range src.Own {
		known[name] = true
	}
	for _, name := range names {
		o := byName[name]
		env := o.Env()
		known[env] = true
		value, ok := variables[env]
		values := []string{value}
		origin := env
		if o.IsList() {
			values = strings.Split(value, ",")
			numbered := []string{}
			for i := 0; ; i++ {
				v, there := variables[env+"_"+strconv.Itoa(i)]
				if !there {
					break
				}
				known[env+"_"+strconv.Itoa(i)] = true
				numbered = append(numbered, v)
			}
			if len(numbered) > 0 {
				if ok {
					errs = append(errs, fmt.Errorf("%s and %s_0: one of them, not both; leave one out", env, env))
				}
				ok, values, origin = true, numbered, env+"_0.."+strconv.Itoa(len(numbered)-1)
			}
		}
		if !ok {
			continue
		}
		origins[name] = origin
		if err := o.set(values); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", env, err))
		}
	}
	for _, name := range order {
		if known[name] {
			continue
		}
		if before, ok := afterGap(name, byName); ok {
			errs = append(errs, fmt.Errorf("%s: there is no %s; number the values from 0 without a gap", name, before))
			continue
		}
		key := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, Prefix), "_", "-"))
		hint := ""
		if n := Nearest(key, names); n != "" {
			hint = "; did you mean " + byName[n].Env() + "?"
		}
		strangers = append(strangers, name+" is not an option"+hint)
	}
	return strangers, errs
}

// afterGap reports whether a variable is AWSD_X_N of a list and the variable with the previous number is
// missing. before is the missing name.
func afterGap(name string, byName map[string]*Option) (before string, ok bool) {
	i := strings.LastIndexByte(name, '_')
	n, err := strconv.Atoi(name[i+1:])
	if err != nil || n < 1 || i < len(Prefix) {
		return "", false
	}
	o := byName[strings.ToLower(strings.ReplaceAll(name[len(Prefix):i], "_", "-"))]
	if o == nil || !o.IsList() {
		return "", false
	}
	return name[:i+1] + strconv.Itoa(n-1), true
}
