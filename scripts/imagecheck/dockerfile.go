package main

import (
	"fmt"
	"os"
	"strings"
)

// stage is what stands between one FROM and the next.
type stage struct {
	image        string
	name         string // empty if the FROM gives none
	instructions []instruction
}

// instruction is one line of a Dockerfile, its continuation lines joined.
type instruction struct {
	line int
	verb string
	rest string
}

func (i instruction) String() string { return i.verb + " " + i.rest }

// parseDockerfile splits a Dockerfile into its stages.
func parseDockerfile(text string) ([]*stage, error) {
	var stages []*stage
	for _, i := range splitInstructions(text) {
		switch i.verb {
		case "FROM":
			s, err := parseFrom(i)
			if err != nil {
				return nil, err
			}
			stages = append(stages, s)
		case "ARG", "ENV", "WORKDIR", "COPY", "RUN":
			if len(stages) == 0 {
				return nil, fmt.Errorf("line %d: %s before the first FROM; put it into the stage that uses it", i.line, i.verb)
			}
			last := stages[len(stages)-1]
			last.instructions = append(last.instructions, i)
		default:
			return nil, fmt.Errorf("line %d: %s is not known here; teach it to scripts/imagecheck", i.line, i.verb)
		}
	}
	if len(stages) == 0 {
		return nil, fmt.Errorf("no FROM")
	}
	return stages, nil
}

func parseFrom(i instruction) (*stage, error) {
	words := strings.Fields(i.rest)
	switch {
	case len(words) == 1:
		return &stage{image: words[0]}, nil
	case len(words) == 3 && strings.EqualFold(words[1], "AS"):
		return &stage{image: words[0], name: words[2]}, nil
	}
	return nil, fmt.Errorf("line %d: FROM %s: want an image, or an image AS a name", i.line, i.rest)
}

// splitInstructions joins continuation lines and drops comments, inside of instructions, too.
func splitInstructions(text string) (instructions []instruction) {
	var joined strings.Builder
	began := 0
	for number, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' {
			continue
		}
		if joined.Len() == 0 {
			began = number + 1
		} else {
			joined.WriteByte(' ')
		}
		part, continues := strings.CutSuffix(trimmed, "\\")
		joined.WriteString(strings.TrimSpace(part))
		if continues {
			continue
		}
		verb, rest, _ := strings.Cut(joined.String(), " ")
		instructions = append(instructions, instruction{began, strings.ToUpper(verb), strings.TrimSpace(rest)})
		joined.Reset()
	}
	return instructions
}

// variables are the ARGs and ENVs of a stage, in the order in which they were set.
type variables struct {
	names  []string
	values map[string]string
}

func (v *variables) set(name, value string) {
	if v.values == nil {
		v.values = make(map[string]string)
	}
	if _, known := v.values[name]; !known {
		v.names = append(v.names, name)
	}
	v.values[name] = value
}

// environ is the environment of a RUN.
func (v *variables) environ() (environ []string) {
	for _, name := range v.names {
		environ = append(environ, name+"="+v.values[name])
	}
	return environ
}

// expand puts the values of variables into an argument of ENV, WORKDIR or COPY.
func (v *variables) expand(text string) string {
	return os.Expand(text, func(name string) string { return v.values[name] })
}

// setArg carries out an ARG: the value given on the command line, or else the default.
func (v *variables) setArg(rest string, given map[string]string) {
	name, value, _ := strings.Cut(rest, "=")
	if override, ok := given[name]; ok {
		value = override
	}
	v.set(name, v.expand(value))
}

// setEnv carries out an ENV of one or more NAME=value without blanks in the values.
func (v *variables) setEnv(i instruction) error {
	for _, word := range strings.Fields(i.rest) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || strings.ContainsAny(value, `"'\`) {
			return fmt.Errorf("line %d: ENV %s: want NAME=value without quotes", i.line, word)
		}
		v.set(name, v.expand(value))
	}
	return nil
}
