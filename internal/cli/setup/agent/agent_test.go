package agent

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/sso-exec/sso-exec/internal/hosts"
	"github.com/sso-exec/sso-exec/plugin"
)

func TestHooks(t *testing.T) {
	for _, h := range hooks() {
		if h.source == "" || h.variable == "" || len(h.key) < 1 || len(h.key) > 2 {
			t.Errorf("%+v", h)
		}
		value := h.before + "sso-exec token --output=" + h.output + " --for=https://a.example" + h.after
		if !isOurs(value) || isOurs(strings.Replace(value, "sso-exec", "other", 1)) {
			t.Errorf("%s: %s", h.agent, value)
		}
		found := false
		for _, format := range plugin.TokenFormats() {
			found = found || format == h.output
		}
		if !found {
			t.Errorf("%s: no output %q", h.agent, h.output)
		}
	}
}

// FuzzChange: what comes out is JSON that means the same, except for the key; and taken
// out again, it means what it did.
func FuzzChange(f *testing.F) {
	for _, seed := range []string{
		`{"mcp":{"a":{"url":"https://a.example/x"}}}`,
		"{\n\t\"mcp\": {\n\t\t\"a\": {\"url\": \"https://a.example\", \"headers\": {}},\n\t\t\"b\": {}\n\t}\n}",
		`{"mcp":{"a":{"url":"https://a.example","headers":{"Authorization":"Bearer x"}}},"n":"\ud83d\ude00\\ud83d"}`,
		`{"mcp":{"a":{"url":"https://a.example","headers":{"X":"y"}},"a":{"url":"https://a.example"}}}`,
		`{"mcp":{"a":{"url":"https://a.example","headers":[]}}}`,
		`{"mcp":{"a":{"url":"https://a.example","headers":null}}}`,
		`{"mcp":[]}`, "\ufeff{}", `{"mcp":{"#":{"url":"https://a.example"},"":{"url":"https://a.example"}}}`,
	} {
		f.Add(seed)
	}
	list, err := hosts.ParseList([]string{"a.example"})
	if err != nil {
		f.Fatal(err)
	}
	var h hook
	for _, h = range hooks() {
		if h.agent == "crush" {
			break
		}
	}
	put := func(hook, hosts.Host, string) string { return "$(sso-exec token --for=https://a.example)" }
	f.Fuzz(func(t *testing.T, text string) {
		var s agentSetup
		after, err := s.change(h, "f", []byte(text), list, put)
		if err != nil {
			return
		}
		again, err := s.change(h, "f", after, list, put)
		if err != nil || string(again) != string(after) {
			t.Fatalf("twice is not once: %v\n%s\n%s", err, after, again)
		}
		back, err := s.change(h, "f", after, list, nil)
		if err != nil {
			t.Fatal(err)
		}
		var was, is map[string]any
		if json.Unmarshal([]byte(text), &was) != nil || was == nil {
			return
		}
		if err := json.Unmarshal(back, &is); err != nil {
			t.Fatalf("%v\n%s", err, back)
		}
		if string(after) != text && strings.Count(text, `"headers"`) == 0 && !reflect.DeepEqual(was, is) {
			t.Errorf("%s\nis now\n%s", text, back)
		}
	})
}
