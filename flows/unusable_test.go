package flows

import (
	"errors"
	"fmt"
	"testing"
)

// What another flow may fix, and what it cannot.
func TestUnusable(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{fmt.Errorf("x: %w", ErrNotSupported), true},
		{fmt.Errorf("x: %w", ErrNoPort), true},
		{fmt.Errorf("x: %w", ErrNoBrowser), true},
		{ErrUnanswered, true},
		{&OAuthError{Doing: doingDevice, Code: "unauthorized_client"}, true},
		{&OAuthError{Doing: doingPKCE, Code: "unauthorized_client"}, true},
		{&OAuthError{Doing: doingPKCE, Code: "unsupported_response_type"}, true},
		{&OAuthError{Doing: doingDevice, Code: "unsupported_grant_type"}, true},
		{&OAuthError{Doing: doingDevice, Code: "invalid_client"}, true}, // Google, Entra ID
		{&OAuthError{Doing: doingPKCE, Code: "invalid_client"}, false},
		{&OAuthError{Doing: doingDevice, Code: "invalid_scope"}, false},
		{fmt.Errorf("x: %w", ErrDenied), false},
		{ErrTimedOut, false},
		{&UnavailableError{Doing: doingDevice, Err: errors.New("down")}, false},
		{verifyErrorf("wrong"), false},
		{nil, false},
	} {
		if got := Unusable(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}
