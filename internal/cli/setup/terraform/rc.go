package terraform

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// This file reads Terraform's CLI configuration as far as its blocks go (HCL 1), and
// changes one of them. What it does not know it refuses.

// helper is a credentials_helper block.
type helper struct {
	name       string
	start, end int // with the whole of its lines, where nothing else is in them
	brace      int // where what it has begins
}

var errUnread = errors.New("it cannot be read")

// helpers finds the blocks of credentials helpers. Terraform takes one.
func helpers(text []byte) (found []helper, err error) {
	if trimmed := bytes.TrimSpace(text); bytes.HasPrefix(trimmed, []byte("{")) {
		return nil, errors.New("it is JSON")
	} else if bytes.HasPrefix(trimmed, []byte("\ufeff")) {
		return nil, errors.New("it begins with a byte order mark (BOM)")
	}
	s := scanner{text: text}
	for {
		s.gap()
		if s.at == len(text) {
			return found, nil
		}
		start := s.at
		var words []string
		for c := s.peek(); c != '{' && c != '='; c = s.peek() {
			word, err := s.word()
			if err != nil {
				return nil, err
			}
			words = append(words, word)
			s.gap()
		}
		if len(words) == 0 {
			return nil, errUnread
		}
		block, brace := s.peek() == '{', s.at+1
		if !block {
			s.at++
			s.gap()
		}
		if err := s.value(0); err != nil {
			return nil, err
		}
		if !strings.EqualFold(words[0], "credentials_helper") { // as HCL compares them
			continue
		}
		if !block || len(words) != 2 {
			return nil, errUnread
		}
		found = append(found, helper{words[1], start, s.at, brace})
	}
}

// args is where the list args of a block is, or goes, if it has that at most.
func (h *helper) args(text []byte) (start, end int, ok bool) {
	s := scanner{text: text, at: h.brace}
	if s.gap(); s.peek() == '}' {
		return h.brace, h.brace, true
	}
	word, err := s.word()
	if s.gap(); err != nil || !strings.EqualFold(word, "args") || s.peek() != '=' {
		return 0, 0, false
	}
	s.at++
	s.gap()
	if start = s.at; s.peek() != '[' || s.value(0) != nil {
		return 0, 0, false
	}
	end = s.at
	s.gap()
	return start, end, s.peek() == '}'
}

// block is what Terraform's configuration is to have.
func block(list string) string {
	return fmt.Sprintf("credentials_helper %q {\n  args = %s\n}", name, list)
}

// put has the text's credentials helper be ours, with a list of arguments. Comments in
// one of our blocks stay.
func put(text []byte, list string) ([]byte, error) {
	newline, block := "\n", block(list)
	if bytes.Contains(text, []byte("\r\n")) {
		newline = "\r\n"
		block = strings.ReplaceAll(block, "\n", newline)
	}
	found, err := helpers(text)
	switch {
	case err != nil:
		return nil, err
	case bytes.HasSuffix(text, []byte("\r")):
		return nil, errUnread
	case len(found) > 1:
		return nil, errors.New("it has more than one credentials_helper, but terraform accepts only one")
	case len(found) == 1 && found[0].name != name:
		return nil, fmt.Errorf("credentials_helper %q already exists, and terraform accepts only one", found[0].name)
	case len(found) == 1:
		switch start, end, ok := found[0].args(text); {
		case ok && start == end:
			return slices.Concat(text[:start], []byte(newline+"  args = "+list+newline), text[start:]), nil
		case ok:
			return slices.Concat(text[:start], []byte(list), text[end:]), nil
		}
		return slices.Concat(text[:found[0].start], []byte(block), text[found[0].end:]), nil
	case len(text) == 0:
		return []byte(block + newline), nil
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		return slices.Concat(text, []byte(newline+block)), nil
	}
	return slices.Concat(text, []byte(block+newline)), nil
}

// without takes our block out, with its line.
func without(text []byte) ([]byte, error) {
	found, err := helpers(text)
	if err != nil {
		return nil, err
	}
	for _, h := range slices.Backward(found) {
		if h.name != name {
			continue
		}
		start, end := h.start, h.end
		lineStart := bytes.LastIndexByte(text[:start], '\n') + 1
		rest := text[end:]
		ends := bytes.HasPrefix(rest, []byte("\n")) || bytes.HasPrefix(rest, []byte("\r\n"))
		switch alone := len(bytes.Trim(text[lineStart:start], " \t")) == 0; {
		case alone && ends:
			start, end = lineStart, end+bytes.IndexByte(rest, '\n')+1
		case alone && len(rest) == 0:
			start = len(bytes.TrimSuffix(bytes.TrimSuffix(text[:lineStart], []byte("\n")), []byte("\r")))
		}
		text = slices.Concat(text[:start], text[end:])
	}
	return text, nil
}

type scanner struct {
	text []byte
	at   int
}

func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// gap passes over blanks, line ends and comments.
func (s *scanner) gap() {
	for s.at < len(s.text) {
		rest := s.text[s.at:]
		end := 0
		switch {
		case bytes.IndexByte([]byte(" \t\n"), rest[0]) >= 0, bytes.HasPrefix(rest, []byte("\r\n")):
			s.at++
			continue
		case rest[0] == '#', bytes.HasPrefix(rest, []byte("//")):
			end = bytes.IndexByte(rest, '\n')
		case bytes.HasPrefix(rest, []byte("/*")):
			if end = bytes.Index(rest[2:], []byte("*/")); end >= 0 {
				end += 4
			}
		default:
			return
		}
		if end < 0 {
			end = len(rest)
		}
		s.at += end
	}
}

// word reads a name or a string, as far as it has no escapes.
func (s *scanner) word() (string, error) {
	start := s.at
	if s.peek() == '"' {
		for s.at++; s.at < len(s.text); s.at++ {
			switch c := s.text[s.at]; {
			case c == '\n', c == '$' && bytes.HasPrefix(s.text[s.at:], []byte("${")):
				return "", errUnread
			case c == '\\':
				s.at++
			case c == '"':
				s.at++
				return string(s.text[start+1 : s.at-1]), nil
			}
		}
		return "", errUnread
	}
	for c := s.peek(); c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		bytes.IndexByte([]byte("_-.+"), c) >= 0; c = s.peek() {
		s.at++
	}
	if s.at == start {
		return "", errUnread
	}
	return string(s.text[start:s.at]), nil
}

// value passes over a value: a word, a list, or what stands in braces.
func (s *scanner) value(depth int) error {
	c := s.peek()
	if c != '[' && c != '{' || depth > 100 {
		_, err := s.word()
		return err
	}
	for s.at++; ; {
		s.gap()
		switch next := s.peek(); next {
		case c + 2: // the closing one, in ASCII
			s.at++
			return nil
		case ',', '=':
			s.at++
		default:
			if err := s.value(depth + 1); err != nil {
				return err
			}
		}
	}
}
