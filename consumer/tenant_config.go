package consumer

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// TenantConfig says whose a record is and what one tenant may have at most. With
// none of key, header and expression there are no tenants.
type TenantConfig struct {
	Key        bool       `yaml:"key" doc:"true: a record's key is its tenant. One of tenant.key, tenant.header and tenant.expression shares the work: each tenant gets its turn in the handlers and at the sinks, however much another has waiting. Records that name none are one tenant together. 1024 tenants that have records in the process are told apart; more share."`
	Header     string     `yaml:"header" doc:"The last header of this name is the record's tenant."`
	Expression string     `yaml:"expression" doc:"jq expression on the value whose result is the record's tenant, as in filter. A value that is not JSON and a result that is no text, number or boolean name none."`
	Limit      int        `yaml:"limit" doc:"Most records of one tenant in handlers and before and in sinks. While one waits for a retry another is taken in its place. Defaults to what others leave."`
	Rate       TenantRate `yaml:"rate" doc:"Most that is taken of one tenant a second: records, as in 100/s, or bytes of key, value and headers, as in 1MiB/s. After a rest a tenth of a second's worth comes at once. With order: partition a tenant that waits holds its partition."`
}

// on reports whether c names a source of tenants.
func (c TenantConfig) on() bool { return c.Key || c.Header != "" || c.Expression != "" }

// check tells bad what is wrong; own says that the pipeline names the tenants.
func (c TenantConfig) check(own bool, bad func(wrong bool, format string, args ...any)) {
	sources := 0
	for _, named := range []bool{c.Key, c.Header != "", c.Expression != ""} {
		if named {
			sources++
		}
	}
	bad(sources > 1, "tenant has several of key, header and expression; keep one")
	bad(own && (c.Key || c.Header != ""), "tenant.key and tenant.header exclude Pipeline.Tenant; keep one")
	bad(!own && c.Expression != "", "tenant.expression needs Pipeline.Tenant, which runs it")
	bad(!own && sources == 0 && c != TenantConfig{}, "tenant has a limit or a rate and nothing that says whose a record is; give key, header or expression")
	bad(c.Limit < 0, "tenant.limit %d is less than 1; leave it out for none", c.Limit)
	bad(c.Rate.Records < 0 || c.Rate.Bytes < 0 || c.Rate.Records > 0 && c.Rate.Bytes > 0, "tenant.rate is not one of records and bytes a second")
}

// TenantRate is a number of records or of bytes a second; the zero value is no
// limit. In text it is 100/s, 0.5/s or 1MiB/s.
type TenantRate struct {
	Records float64
	Bytes   Bytes
}

// leastRate is one record in eleven days.
const leastRate = 1e-6

// UnmarshalText accepts a number, or a size with its unit, followed by /s.
func (r *TenantRate) UnmarshalText(text []byte) error {
	s, ok := strings.CutSuffix(strings.TrimSpace(string(text)), "/s")
	if n, err := strconv.ParseFloat(s, 64); ok && err == nil && n >= leastRate && n < math.MaxInt32 {
		*r = TenantRate{Records: n}
		return nil
	}
	var b Bytes
	if err := b.UnmarshalText([]byte(s)); ok && err == nil && b > 0 {
		*r = TenantRate{Bytes: b}
		return nil
	}
	return fmt.Errorf("%q is not a rate; write records or a size a second, as in 100/s or 1MiB/s", text)
}

// MarshalText writes what UnmarshalText reads; nothing for no limit.
func (r TenantRate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the rate as it is written in a file.
func (r TenantRate) String() string {
	switch {
	case r.Bytes > 0:
		return r.Bytes.String() + "/s"
	case r.Records > 0:
		return strconv.FormatFloat(r.Records, 'g', -1, 64) + "/s"
	}
	return ""
}
