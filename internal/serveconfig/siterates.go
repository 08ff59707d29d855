package serveconfig

import (
	"errors"
	"fmt"

	"aws/internal/command"
	"aws/internal/config"
	"aws/internal/rate"
	"aws/internal/sites"
)

// siteRate is a rate that a file sets in a site, a route or [defaults].
type siteRate struct {
	key string
	set *sites.Setting[int64]
}

// siteRates returns the rates of all routes, each once.
func siteRates(table *sites.Table) []siteRate {
	var list []siteRate
	seen := map[*sites.Setting[int64]]bool{}
	for _, r := range table.Routes() {
		for _, s := range [...]siteRate{{"limit-rate", r.Properties.LimitRate}, {"limit-rate-total", r.Properties.TotalRate}} {
			if s.set != nil && !seen[s.set] {
				seen[s.set] = true
				list = append(list, s)
			}
		}
	}
	return list
}

// checkSiteRates refuses rates at which no client can receive enough.
func (o *Options) checkSiteRates() error {
	if o.Sites == nil {
		return nil
	}
	least := max(rate.Floor, o.limits.sendRate)
	var errs []error
	for _, s := range siteRates(o.Sites) {
		if s.set.Value == 0 || s.set.Value >= least {
			continue
		}
		why := "that leaves a few packets a second"
		if least == o.limits.sendRate {
			why = "a client that receives less than min-send-rate is disconnected"
		}
		errs = append(errs, fmt.Errorf("%s: %s is %s: %s; write at least %s, or 0 for no limit",
			s.set.From.Position(), s.key, config.Size(s.set.Value), why, config.Size(least)))
	}
	if len(errs) == 0 {
		return nil
	}
	return command.UsageError(errors.Join(errs...))
}

// siteRateEffects warns of rates that others are below of.
func (o *Options) siteRateEffects(e *effects) {
	if o.Sites == nil {
		return
	}
	for _, s := range siteRates(o.Sites) {
		server, key := o.limits.rate, "limit-rate"
		if s.key == "limit-rate-total" || server == 0 || server > o.limits.rateTotal && o.limits.rateTotal > 0 {
			server, key = o.limits.rateTotal, "limit-rate-total"
		}
		if server > 0 && s.set.Value >= server {
			e.warn("%s: %s = %s does nothing, because %s = %s of the server is reached first",
				s.set.From.Position(), s.key, config.Size(s.set.Value), key, config.Size(server))
		}
	}
	warned := map[*sites.Setting[int64]]bool{}
	for _, r := range o.Sites.Routes() {
		ofConn, total := r.Properties.LimitRate, r.Properties.TotalRate
		if ofConn != nil && total != nil && total.Value > 0 && ofConn.Value >= total.Value && !warned[ofConn] {
			warned[ofConn] = true
			e.warn("%s: limit-rate = %s does nothing, because limit-rate-total = %s (%s) is reached first",
				ofConn.From.Position(), config.Size(ofConn.Value), config.Size(total.Value), total.From)
		}
	}
}
