package consumer

// TenantConfig says whose a record is and what one tenant may have at most. With
// none of key, header and expression there are no tenants.
type TenantConfig struct {
	Key        bool   `yaml:"key" doc:"true: a record's key is its tenant. One of tenant.key, tenant.header and tenant.expression shares the work: each tenant gets its turn in the handlers and at the sinks, however much another has waiting. Records that name none are one tenant together. 1024 tenants that have records in the process are told apart; more share."`
	Header     string `yaml:"header" doc:"The last header of this name is the record's tenant."`
	Expression string `yaml:"expression" doc:"jq expression on the value whose result is the record's tenant, as in filter. A value that is not JSON and a result that is no text, number or boolean name none."`
	Limit      int    `yaml:"limit" doc:"Most records of one tenant in handlers and before and in sinks. While one waits for a retry another is taken in its place. Defaults to what others leave."`
	Rate       Rate   `yaml:"rate" doc:"Most that is taken of one tenant a second: records, as in 100/s, or bytes of key, value and headers, as in 1MiB/s. After a rest a tenth of a second's worth comes at once. With order: partition a tenant that waits holds its partition."`
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
	c.Rate.check("tenant.rate", bad)
}
