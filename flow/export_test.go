package flow

import (
	"fmt"
	"reflect"
)

// KneeWith returns [Knee] with some of its constants changed, to learn what they
// are worth.
func KneeWith(cfg KneeConfig, changes map[string]float64) Algorithm {
	rules := kneeStandard()
	v := reflect.ValueOf(&rules).Elem()
	for name, x := range changes {
		f := v.FieldByName(name)
		if !f.IsValid() {
			panic(fmt.Sprintf("no constant %s", name))
		}
		f.SetFloat(x)
	}
	return newKnee(cfg, rules)
}

// KneeConstants returns the constants of [Knee] by name.
func KneeConstants() map[string]float64 {
	all := map[string]float64{}
	v := reflect.ValueOf(kneeStandard())
	for i := range v.NumField() {
		all[v.Type().Field(i).Name] = v.Field(i).Float()
	}
	return all
}
