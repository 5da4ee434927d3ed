package fault_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// unavailable is an error of another package, which says its kind.
type unavailable struct{}

func (unavailable) Error() string        { return "the server is down" }
func (unavailable) Is(target error) bool { return target == fault.Unavailable }

func TestKindOf(t *testing.T) {
	refused := errors.New("refused")
	for _, c := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"nothing is said", refused, fault.Other},
		{"none", nil, fault.Other},
		{"its own", unavailable{}, fault.Unavailable},
		{"wrapped", fmt.Errorf("refresh: %w", unavailable{}), fault.Unavailable},
		{"with hints", fault.Hint(unavailable{}, "try again"), fault.Unavailable},
		{"with another text", fault.Say(unavailable{}, "sorry"), fault.Unavailable},
		{"reported", fault.Silently(unavailable{}), fault.Unavailable},
		{"usage above all that caused it", fault.InUsage(unavailable{}), fault.Usage},
		{"a policy above everything", fault.InUsage(&fault.Error{Kind: fault.Forbidden, Err: refused}), fault.Forbidden},
		{"joined", errors.Join(refused, unavailable{}), fault.Unavailable},
	} {
		if got := fault.KindOf(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHintsOf(t *testing.T) {
	if _, ok := fault.HintsOf(unavailable{}); ok {
		t.Error("an error without hints has some")
	}
	err := fmt.Errorf("kube: %w", fault.Say(fault.Hint(unavailable{}, "inner"), "outer", "try again"))
	if hints, ok := fault.HintsOf(err); !ok || !slices.Equal(hints, []string{"try again"}) {
		t.Errorf("%q, %v", hints, ok)
	}
	if hints, _ := fault.HintsOf(fault.InUsage(err)); !slices.Equal(hints, []string{"try again"}) {
		t.Errorf("of the cause: %q", hints)
	}
	if hints, ok := fault.HintsOf(fault.Usagef("wrong")); !ok || len(hints) != 0 {
		t.Errorf("without any: %q, %v", hints, ok)
	}
	if hints, ok := fault.HintsOf(fault.Hint(unavailable{})); !ok || len(hints) != 0 {
		t.Errorf("nothing to do: %q, %v", hints, ok)
	}
	if got := err.Error(); got != "kube: outer" {
		t.Error(got)
	}
}
