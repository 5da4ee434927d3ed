package awsconfig

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A set of profiles comes and goes, and every other byte stays, whatever the text's end.
func TestSetAll(t *testing.T) {
	mine := func(process string) bool { return strings.HasPrefix(process, "x aws ") }
	var many []Entry
	for i := range 2500 {
		many = append(many, Entry{Name: fmt.Sprint("p", i), Process: fmt.Sprint("x aws ", i), Others: []KV{{"region", "r"}}})
	}
	for _, text := range []string{"", "[default]\nregion=a", "[profile p3]\r\nregion = b\r\n", "# mine\n\n"} {
		full, taken, err := SetAll(text, many, mine)
		if err != nil || slices.Contains(taken, "p3") != strings.Contains(text, "p3") || len(taken) > 1 {
			t.Fatalf("%q: %v, %v", text, taken, err)
		}
		if v, _ := Get(full, "p2499", "credential_process"); v != "x aws 2499" {
			t.Errorf("%q: p2499 has %q", text, v)
		}
		if again, _, err := SetAll(full, many, mine); err != nil || again != full {
			t.Errorf("%q: twice is another text, %v", text, err)
		}
		one, _, err := SetAll(full, []Entry{{Name: "p7", Process: "x aws other"}}, mine)
		if v, _ := Get(one, "p7", "credential_process"); err != nil || v != "x aws other" ||
			strings.Count(one, "x aws") != 1 {
			t.Errorf("%q: one: %v\n%s", text, err, one)
		}
		if none, _, err := SetAll(one, nil, mine); err != nil || none != text {
			t.Errorf("%q: removed, it is %q, %v", text, none, err)
		}
	}
	for _, bad := range [][]Entry{{{Name: "a]", Process: "x"}}, {{Name: "a", Process: "x #y"}}, {{Name: "a", Process: "x"},
		{Name: "a", Process: "y"}}} {
		if out, _, err := SetAll("", bad, mine); err == nil {
			t.Errorf("%v: %q", bad, out)
		}
	}
	mineToo, err := Set("", "own", []KV{{"credential_process", "x aws own"}})
	if err != nil {
		t.Fatal(err)
	}
	mineToo += "output = json\n" // somebody's
	if out, _, err := SetAll(mineToo, nil, mine); err != nil || !strings.Contains(out, "output = json") {
		t.Errorf("%v: %q", err, out)
	}
}
