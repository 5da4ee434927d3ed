package flows

import (
	"encoding/json"
	"net/url"
	"strings"
)

// This file is for a provider that speaks JSON, with names in camelCase, where the
// standards have forms and snake_case; see [Dialect.JSON].

// camelJSON is a form as the body of such a request.
func camelJSON(form url.Values) string {
	body := map[string]string{}
	for name, values := range form {
		if len(values) > 0 {
			body[camelCase(name)] = values[0]
		}
	}
	b, _ := json.Marshal(body) // of texts: it cannot fail
	return string(b)
}

// snakeJSON gives the members of an answer the names of the standards. What is no
// JSON object stays as it is.
func snakeJSON(body []byte) []byte {
	var camel map[string]json.RawMessage
	if json.Unmarshal(body, &camel) != nil {
		return body
	}
	snake := map[string]json.RawMessage{}
	for name, value := range camel {
		snake[snakeCase(name)] = value
	}
	b, err := json.Marshal(snake)
	if err != nil {
		return body
	}
	return b
}

func camelCase(snake string) string {
	first, rest, _ := strings.Cut(snake, "_")
	for rest != "" {
		var word string
		word, rest, _ = strings.Cut(rest, "_")
		if word != "" {
			first += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return first
}

func snakeCase(camel string) string {
	var b strings.Builder
	for _, r := range camel {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
