package consumer

import (
	"fmt"
	"strings"
)

// Order says which records of a partition must stay in order.
type Order string

// The orders.
const (
	OrderKey       Order = "key"       // records of one key
	OrderPartition Order = "partition" // all records of a partition
	OrderNone      Order = "none"      // no order
)

// UnmarshalText accepts the names of the orders.
func (o *Order) UnmarshalText(b []byte) error {
	return choose(o, b, OrderKey, OrderPartition, OrderNone)
}

// Protocol is the group protocol.
type Protocol string

// The protocols.
const (
	ProtocolAuto     Protocol = "auto"     // the safest for the cluster
	ProtocolClassic  Protocol = "classic"  // JoinGroup, SyncGroup, cooperative-sticky
	ProtocolConsumer Protocol = "consumer" // KIP-848
)

// UnmarshalText accepts the names of the protocols.
func (p *Protocol) UnmarshalText(b []byte) error {
	return choose(p, b, ProtocolAuto, ProtocolClassic, ProtocolConsumer)
}

func choose[T ~string](dst *T, b []byte, known ...T) error {
	names := make([]string, len(known))
	for i, k := range known {
		if string(b) == string(k) {
			*dst = k
			return nil
		}
		names[i] = string(k)
	}
	return fmt.Errorf("%q is not one of %s", b, strings.Join(names, ", "))
}
