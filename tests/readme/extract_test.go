package readme

import (
	"regexp"
	"strings"
)

// shownCommand is a command line of a document, with the output that is shown for it.
type shownCommand struct {
	text  string
	shown []string // "..." stands for any lines
	line  int      // in the document
}

// program matches a line that begins like a command. "aws serves" is what a program prints.
var program = regexp.MustCompile(`^((git|cd|make|go|curl|\.{1,2}/\S+)( |$)|aws( +(serve|check|version|completion|man|-\S*|#.*)( |$)| *$))`)

// extract returns the commands in the fenced blocks of a document, up to the heading of its section that comes after so
// many. In a block with a prompt, "$ ", each line that has one is a command, and what follows it is its output. Of one
// without, the first line decides: all of it is commands, or the output of the last command before.
func extract(document string, sections int) []shownCommand {
	var list []shownCommand
	fenced, first, commands := false, false, false
	for i, text := range strings.Split(document, "\n") {
		if strings.HasPrefix(text, "```") {
			fenced, first = !fenced, true
			continue
		}
		if !fenced {
			if strings.HasPrefix(text, "## ") {
				if sections--; sections < 0 {
					return list
				}
			}
			continue
		}
		command, prompt := strings.CutPrefix(text, "$ ")
		if first {
			commands, first = !prompt && program.MatchString(text), false
		}
		switch {
		case prompt || commands && text != "":
			list = append(list, shownCommand{text: command, line: i + 1})
		case text != "" && len(list) > 0:
			last := &list[len(list)-1]
			last.shown = append(last.shown, text)
		}
	}
	return list
}
