#!/usr/bin/env bash
# shellcheck disable=SC2016 # names of Sass are no variables of the shell
# The stylesheet keeps to few measures: whoever writes another is told where, and what to write instead.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"

# made LINE: what is said of a stylesheet that ends with this line; "made" where nothing is.
made() {
  rm -rf "$work/style"
  cp -R style "$work/style"
  printf '%s\n' "$1" >>"$work/style/_home.scss"
  if node scripts/style.mjs "$work/style/main.scss" "$work/style.css" "$work/later.css" defaults 2>"$work/said"; then
    printf 'made'
  else
    sed -n '/_home\.scss:/s/.*_home\.scss:[0-9]*: //p' "$work/said"
  fi
}

measure() { made ".stray {
  $1
}"; }

same "as it is" "$(made '')" made
for line in 'font-weight: $w2;' 'font: $w1 #{$f1}/1.35 var(--mono);' 'font: 0.93em var(--mono);' 'z-index: var(--z-head);' \
  'padding: $g2 0 $g4 auto;' 'gap: 1em;' 'width: 77px;' '// font-weight: 650;'; do
  same "$line" "$(measure "$line")" made
done
for line in 'font-weight: 650;' 'font: 500 #{$f1}/1.35 var(--mono);' 'font: bold 1em var(--ui);'; do
  same "$line" "$(measure "$line")" 'a weight is one of $w1 to $w4'
done
for line in 'font-size: 12.5px;' 'font-size: 1.2rem;' 'font: 12px/1.7 var(--mono);'; do
  same "$line" "$(measure "$line")" 'a size of type is one of $f1 to $f7'
done
same "above" "$(measure 'z-index: 3;')" 'what lies above what is one of --z-…'
for line in 'padding: 3px;' 'gap: $g2 7px;' 'column-gap: 9px;' 'margin-left: -9px;' 'margin: calc(9px + var(--bar));'; do
  same "$line" "$(measure "$line")" 'a space is one of $g1 to $g16'
done
for line in '@media (max-width: 767px) { .a { top: 0; } }' '@media (width < 50em) { .a { top: 0; } }' '@container room (width < 900px) { .a { top: 0; } }'; do
  same "$line" "$(made "$line")" 'a width from which on something else holds is one of $phone, $tablet, $wide'
done
for line in 'html:has(.bar) { top: 0; }' '.board.one:has([data-card]) > .col { top: 0; }' '.page .col:has(> .none) .cards { top: 0; }'; do
  same "$line" "$(made "$line")" 'what holds much is not asked what it has, for every change below it asks again: a class says it'
done
same "a card may be asked" "$(made '.col .card:has(:focus-visible) { top: 0; }')" made
same "a fourth" "$(made '$tiny: 400px;
@media (width < $tiny) { .a { top: 0; } }')" '$tiny is no breakpoint: there are $phone, $tablet, $wide'
passed "measures beside the few are refused"

# Which sheet has a rule: "first", "later", both or none.
sheet() { # TEXT
  made '' >/dev/null
  grep -qF -- "$1" "$work/style.css" && printf 'first'
  grep -qF -- "$1" "$work/later.css" && printf 'later'
  true
}
made '' >/dev/null
same "the order of layers" "$(sed -n 's/^@layer \([a-z]*\) {$/\1/p' "$work/style.css" | tr '\n' ' ')" "base parts pages readers "
for rule in '.rail {' '.board {' '.card {' '.panel > header {' '.empty .halo {' '.toast {'; do same "$rule" "$(sheet "$rule")" first; done
for rule in '.title button {' '.chat-page {' '.modal {' '.form {' '.md '; do same "$rule" "$(sheet "$rule")" later; done
cp -R style "$work/uncut"
sed -i '/! Later/d' "$work/uncut/main.scss"
refused() { ! node scripts/style.mjs "$work/uncut/main.scss" "$work/style.css" "$work/later.css" defaults 2>"$work/said"; }
refused
grep -q 'stands in it 0 times' "$work/said"
passed "what a board does not need is a sheet of its own"
