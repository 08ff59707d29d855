package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Prefix is the prefix of the environment variables. AWS_ is used by a cloud provider.
const Prefix = "AWSD_"

// Option is one option of a program. It must not change while it is in use.
type Option struct {
	// Name is the name of the flag and of the key in the file. The name of the variable is derived from it.
	Name string
	// Former is the name of the option in the last release, which still works, with a warning. A list has
	// none.
	Former string
	// FormerNote is added to that warning if the meaning has changed with the name.
	FormerNote string
	// Into points at the variable for the value: a *bool, *int, *int64, *Size, *string, *[]string or
	// *time.Duration.
	Into any
	// Default is the value of an option that is not set, with the type that Into points at; nil is zero.
	Default any
	// DefaultText replaces the default in documents, if the default depends on the machine.
	DefaultText string
	// Usage describes the option in a phrase. The name of its argument is in backquotes.
	Usage string
	// Advice says when to change the option, in sentences, for the guide and the manual page.
	Advice string
	// Least is the smallest value of a number, or of a duration in nanoseconds.
	Least int64
	// Most is the largest value of a number, if it is not 0.
	Most int64
	// OneOf lists the permitted values of a string. If it is empty, every value is permitted.
	OneOf []string
}

// Group is a part of a table with its own heading.
type Group struct {
	Name    string
	Options []Option
}

// Size is a number of bytes. It may be written with a unit: 64K, 1MiB, 2G.
type Size int64

// sizeUnits are the units of a Size, largest first.
var sizeUnits = []struct {
	letter byte
	bytes  int64
}{{'G', 1 << 30}, {'M', 1 << 20}, {'K', 1 << 10}}

// String returns the size with the largest unit for which the number is whole.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 {
			return fmt.Sprintf("%d%ciB", int64(s)/u.bytes, u.letter)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// ParseSize parses the output of String. K, KB and KiB mean the same, because sizes are powers of two here.
func ParseSize(s string) (Size, error) {
	digits := strings.TrimRight(s, "KMGiBkmgb ")
	n, err := strconv.ParseInt(strings.ReplaceAll(digits, "_", ""), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size; write a number of bytes, such as 131072, or one with a unit, such as 128KiB or 1GiB", s)
	}
	unit := strings.ToUpper(strings.TrimSpace(s[len(digits):]))
	if unit == "" || unit == "B" {
		return Size(n), nil
	}
	for _, u := range sizeUnits {
		letter := string(u.letter)
		if unit != letter && unit != letter+"B" && unit != letter+"IB" {
			continue
		}
		if n > (1<<63-1)/u.bytes || n < -(1<<63-1)/u.bytes {
			return 0, fmt.Errorf("%q is too large", s)
		}
		return Size(n * u.bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size; write a number of bytes, such as 131072, or one with a unit, such as 128KiB or 1GiB", s)
}

// Env returns the name of the option's environment variable.
func (o *Option) Env() string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(o.Name, "-", "_"))
}

// Arg returns the name of the option's argument, or "" if it has none.
func (o *Option) Arg() string {
	if _, rest, ok := strings.Cut(o.Usage, "`"); ok {
		name, _, _ := strings.Cut(rest, "`")
		return name
	}
	switch o.Into.(type) {
	case *bool:
		return ""
	case *time.Duration:
		return "DURATION"
	case *Size:
		return "SIZE"
	case *int, *int64:
		return "N"
	default:
		return "VALUE"
	}
}

// Text returns the usage without the backquotes.
func (o *Option) Text() string { return strings.ReplaceAll(o.Usage, "`", "") }

// IsList reports whether the option has several values.
func (o *Option) IsList() bool {
	_, ok := o.Into.(*[]string)
	return ok
}

// reset sets the variable of the option to the default. It panics if the table is wrong, which the first use
// of a table shows.
func (o *Option) reset() {
	if err := assign(o.Into, o.Default); err != nil {
		panic("config: option " + o.Name + ": " + err.Error())
	}
}

// assign assigns a value of the right type, or the zero value if value is nil, to a variable.
func assign(into, value any) error {
	ok := value == nil
	switch p := into.(type) {
	case *bool:
		*p, ok = or[bool](value, ok)
	case *int:
		*p, ok = or[int](value, ok)
	case *int64:
		*p, ok = or[int64](value, ok)
	case *Size:
		*p, ok = or[Size](value, ok)
	case *string:
		*p, ok = or[string](value, ok)
	case *[]string:
		var list []string
		list, ok = or[[]string](value, ok)
		*p = append([]string(nil), list...)
	case *time.Duration:
		*p, ok = or[time.Duration](value, ok)
	default:
		return fmt.Errorf("no value fits a %T", into)
	}
	if !ok {
		return fmt.Errorf("a %T is not a default for a %T", value, into)
	}
	return nil
}

// or returns value as a T. If none is true, it returns the zero T and true.
func or[T any](value any, none bool) (T, bool) {
	v, ok := value.(T)
	return v, ok || none
}

// parse parses one value of a flag or a variable. The error names the expected form.
func (o *Option) parse(s string) (any, error) {
	switch o.Into.(type) {
	case *bool:
		v, err := strconv.ParseBool(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false; write one of them", s)
		}
		return v, nil
	case *int:
		v, err := parseInt(s, strconv.IntSize)
		return int(v), o.bounded(v, s, err)
	case *int64:
		v, err := parseInt(s, 64)
		return v, o.bounded(v, s, err)
	case *Size:
		v, err := ParseSize(s)
		return v, o.bounded(int64(v), s, err)
	case *time.Duration:
		v, err := time.ParseDuration(s)
		if err != nil {
			err = fmt.Errorf("%q is not a duration; write a number with its unit, such as 500ms, 30s or 1h", s)
		}
		return v, o.bounded(int64(v), s, err)
	default:
		return s, o.listed(s)
	}
}

// parseInt parses a whole number in the syntax of TOML, with 0x, 0o and underscores.
func parseInt(s string, bits int) (int64, error) {
	v, err := strconv.ParseInt(s, 0, bits)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number that fits; write one, such as 100", s)
	}
	return v, nil
}

// bounded returns err, or an error if v is outside of the option's limits.
func (o *Option) bounded(v int64, s string, err error) error {
	if err != nil {
		return err
	}
	if o.Most != 0 && v > o.Most {
		return fmt.Errorf("%s is more than %d, which is the most; write a smaller number", s, o.Most)
	}
	if v >= o.Least {
		return nil
	}
	least := strconv.FormatInt(o.Least, 10)
	if _, ok := o.Into.(*time.Duration); ok {
		if o.Least == 1 {
			return fmt.Errorf("%s is not positive; write a duration such as 30s", s)
		}
		least = time.Duration(o.Least).String()
	}
	return fmt.Errorf("%s is less than %s, which is the least; write a larger one", s, least)
}

// listed returns an error if s is not in OneOf.
func (o *Option) listed(s string) error {
	if len(o.OneOf) == 0 {
		return nil
	}
	for _, one := range o.OneOf {
		if s == one {
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s%s", s, strings.Join(o.OneOf, ", "), didYouMean(s, o.OneOf))
}

// each calls f for every option of a table, in its order.
func each(groups []Group, f func(o *Option)) {
	for i := range groups {
		for k := range groups[i].Options {
			f(&groups[i].Options[k])
		}
	}
}

// index returns the options by name and their names in order. It panics if two have the same.
func index(groups []Group) (map[string]*Option, []string) {
	byName := map[string]*Option{}
	var names []string
	each(groups, func(o *Option) {
		if byName[o.Name] != nil {
			panic("config: two options are called " + o.Name)
		}
		byName[o.Name] = o
		names = append(names, o.Name)
	})
	return byName, names
}

// Given contains the values of each flag on the command line, in order.
type Given map[string][]string

// Flags adds a flag for each option of a table, and returns the map that will contain the given values. It
// resets the variables that the table points at to their defaults.
func Flags(f *pflag.FlagSet, groups []Group) Given {
	given := Given{}
	each(groups, func(o *Option) {
		o.reset()
		flag := f.VarPF(&flagValue{option: o, given: given, name: o.Name}, o.Name, "", o.Usage)
		flag.DefValue = o.shownDefault()
		if _, ok := o.Into.(*bool); ok {
			flag.NoOptDefVal = "true"
		}
		if o.Former != "" {
			was := f.VarPF(&flagValue{option: o, given: given, name: o.Former}, o.Former, "", "")
			was.Hidden, was.NoOptDefVal = true, flag.NoOptDefVal
		}
	})
	return given
}

// shownDefault returns the default as help shows it.
func (o *Option) shownDefault() string {
	if o.DefaultText != "" {
		return o.DefaultText
	}
	switch p := o.Into.(type) {
	case *[]string:
		return strings.Join(*p, ", ")
	case *time.Duration:
		return shortDuration(*p)
	default:
		return scalarText(o.Into)
	}
}

// scalarText returns the value of a variable that is not a list, as text.
func scalarText(into any) string {
	switch p := into.(type) {
	case *bool:
		return strconv.FormatBool(*p)
	case *int:
		return strconv.Itoa(*p)
	case *int64:
		return strconv.FormatInt(*p, 10)
	case *Size:
		return p.String()
	case *time.Duration:
		return shortDuration(*p)
	case *string:
		return *p
	default:
		panic(fmt.Sprintf("config: no text for a %T", into))
	}
}

// shortDuration returns 1m for what package time calls 1m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// flagValue is a pflag.Value that checks and records its values.
type flagValue struct {
	option *Option
	given  Given
	name   string // the name of the option, or its former name
}

// Set implements pflag.Value.
func (v *flagValue) Set(s string) error {
	if _, err := v.option.parse(s); err != nil {
		return err
	}
	if v.option.IsList() {
		v.given[v.name] = append(v.given[v.name], s)
	} else {
		v.given[v.name] = []string{s}
	}
	return nil
}

// String implements pflag.Value. pflag asks a zero value for its text.
func (v *flagValue) String() string {
	if v.option == nil {
		return ""
	}
	return strings.Join(v.given[v.name], ",")
}

// Type implements pflag.Value; help prints it as the name of the argument.
func (v *flagValue) Type() string {
	if _, ok := v.option.Into.(*bool); ok {
		return "bool"
	}
	return v.option.Arg()
}
