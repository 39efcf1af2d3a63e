package config

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-kafka/weir/consumer"
)

// checkTenant finds contradictions in what the file says of tenants, and compiles
// the expression.
func (d *decoder) checkTenant(f *File, root *yaml.Node, parts Parts) {
	t := f.doc.Tenant
	f.Consumer.Tenant = t
	var sources []string
	for _, s := range []struct {
		key   string
		named bool
	}{{"key", t.Key}, {"header", t.Header != ""}, {"expression", t.Expression != ""}} {
		if s.named {
			sources = append(sources, s.key)
		}
	}
	switch {
	case len(sources) > 1:
		d.failAt(root, "tenant", "has both "+strings.Join(sources, " and "), "a record has one tenant; keep one of them")
	case len(sources) == 0 && valueAt(root, "tenant") != nil:
		d.failAt(root, "tenant", "does not say whose a record is", "give key: true, header: NAME or expression: '.customer'")
	}
	if valueAt(root, "tenant", "limit") != nil && t.Limit < 1 {
		d.failAt(root, "tenant.limit", "is less than 1", "allow at least one record, or leave it out")
	}
	if t.Expression == "" {
		return
	}
	if parts.Tenant == nil {
		d.failAt(root, "tenant.expression", "is not known to this binary", "use key or header")
		return
	}
	var err error
	if f.tenant, err = parts.Tenant(t.Expression); err != nil {
		d.failAt(root, "tenant.expression", strings.TrimPrefix(err.Error(), "tenant: "), "")
	}
}

// tenantWarning says that a tenant can not wait alone.
func (f *File) tenantWarning(warn func(path, text, mend string)) {
	if f.doc.Tenant != (consumer.TenantConfig{}) && f.doc.Order == consumer.OrderPartition {
		warn("tenant", "can not wait alone where all records of a partition stay in order", "use order: key, unless each tenant has partitions of its own")
	}
}
