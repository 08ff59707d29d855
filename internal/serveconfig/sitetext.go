package serveconfig

import (
	"fmt"
	"slices"
	"strings"

	"aws/internal/config"
	"aws/internal/sites"
)

// EffectiveTable is Table without the options that do not apply, because there are sites.
func (o *Options) EffectiveTable() []config.Group {
	groups := o.Table()
	if o.Sites == nil {
		return groups
	}
	for i := range groups {
		groups[i].Options = slices.DeleteFunc(groups[i].Options, func(p config.Option) bool { _, ok := moved[p.Name]; return ok })
	}
	return groups
}

// DescribeSites returns the sites with their routes and redirects, as comments of a file. A route has the properties that the
// site does not have.
func DescribeSites(table *sites.Table) string {
	var b strings.Builder
	for _, s := range table.Sites() {
		var hosts []string
		for _, h := range s.Hosts {
			hosts = append(hosts, h.Name)
		}
		fmt.Fprintf(&b, "\n# site %s (%s)", s.Name, s.From)
		if len(hosts) > 0 {
			fmt.Fprintf(&b, ": %s", strings.Join(hosts, ", "))
		}
		if table.Site(nil) == s {
			b.WriteString("; all other hosts")
		}
		b.WriteByte('\n')
		for _, p := range s.TLS.All() {
			fmt.Fprintf(&b, "#   %s: %s (%s)\n", p.Key, p.Value, p.From)
		}
		var common []sites.Property
		for _, r := range table.Routes() {
			if r.Site != s {
				continue
			}
			fmt.Fprintf(&b, "#   route %s", r.Prefix)
			if r.Match != "" {
				fmt.Fprintf(&b, ", match %s", r.Match)
			}
			fmt.Fprintf(&b, " (%s)\n", r.From)
			own := r.Properties.All()
			for _, p := range own {
				if !slices.Contains(common, p) {
					fmt.Fprintf(&b, "#     %s: %s (%s)\n", p.Key, p.Value, p.From)
				}
			}
			if common == nil { // the first route is that of the site
				common = own
			}
		}
		for _, r := range s.Redirects() {
			fmt.Fprintf(&b, "#   redirect %s to %s, %d (%s)\n", r.Path, r.To, r.Status, r.From)
		}
	}
	return b.String()
}
