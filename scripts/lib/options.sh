# shellcheck shell=bash
# Sourced by the scripts that chain the commands: reads their command lines and prints their help, from options.tsv.

options_table=$(dirname "${BASH_SOURCE[0]}")/options.tsv

# Calls a function with each row of a script: NAMES VALUE INTO HELP.
each_option() { # SCRIPT FUNCTION
  local scripts names value into help
  while IFS=$'\t' read -r scripts names value into help; do
    [[ $scripts == '#'* || ,$scripts, != *",$1,"* ]] || "$2" "$names" "${value#-}" "${into#-}" "$help"
  done <"$options_table"
}

# A line of --help.
describe_option() { # NAMES VALUE INTO HELP
  local names=$1
  case $names in
    [!-@]*) return ;;
    @*) names='OPTION …' ;;
    *' '*) names="${names#* }, ${names%% *}" ;;
  esac
  names+=${2:+ $2}
  # printf itself would count bytes.
  printf '  %s%*s  %s\n' "$names" $((${#names} < 25 ? 25 - ${#names} : 0)) '' "$4"
}

option_help() { # SCRIPT
  each_option "$1" describe_option
}

# Reads a command line into the variables that the table names. If it is wrong, ends the script with 64.
parse_options() { # SCRIPT WORD…
  local script=$1 words=("${@:2}") operand='' others='' word
  local -A into_of=() value_of=() long_of=()
  each_option "$script" learn_option
  if [[ $operand ]]; then
    case ${words[0]-} in
      --help | -h) usage && exit 0 ;;
      '' | -*) usage >&2 && exit 64 ;;
    esac
    printf -v "$operand" %s "${words[0]}"
    words=("${words[@]:1}")
  fi
  while ((${#words[@]})); do
    word=${words[0]}
    words=("${words[@]:1}")
    case $word in
      --?*) take_long ;;
      --) [[ $others ]] && take_other "$word" || ((${#words[@]} == 0)) || take_other "${words[0]}" ;;
      -[!-]*) take_short ;;
      *) take_other "$word" ;;
    esac
  done
}

# The following functions are parts of parse_options, and use its variables: the current word, and the words after it.

# --name, --name=value, --name value.
take_long() {
  local name
  name=$(whole_name "${word%%=*}") || exit
  if [[ ! $name ]]; then
    take_other "$word"
  elif [[ $word != *=* ]]; then
    take_named "$name"
  else
    [[ ${value_of[$name]} == [!\[]* ]] || wrong "$name takes no value"
    store_option "$name" "${word#*=}"
  fi
}

# Short names: several after one dash, the last one with its value.
take_short() {
  local letters=${word:1} name
  while [[ $letters ]]; do
    name=-${letters:0:1} letters=${letters:1}
    if [[ ! ${into_of[$name]+known} ]]; then
      take_other "$word"
      return
    elif [[ ! $letters || ! ${value_of[$name]} ]]; then
      take_named "$name"
    elif [[ ${value_of[$name]} != \[* ]]; then
      store_option "$name" "$letters"
      return
    else
      store_option "$name"
      ! are_flags "$letters" || continue
      # Refuse only what would lose its meaning: an option with a value, or --help.
      name=-${letters:0:1}
      [[ ! ${into_of[$name]+known} ]] || [[ ${into_of[$name]} && ${value_of[$name]} != [!\[]* ]] ||
        wrong "$word: give each option separately"
      return
    fi
  done
}

# An option whose value, if it has one, is the next word.
take_named() { # NAME
  case ${value_of[$1]} in
    '') store_option "$1" ;;
    \[*)
      store_option "$1"
      # Only a short name had such a word in the Python tool.
      [[ $1 == --* || ${words[0]--} == -* ]] || words=("${words[@]:1}")
      ;;
    *)
      ((${#words[@]})) || wrong "$1: the value is missing"
      store_option "$1" "${words[0]}"
      words=("${words[@]:1}")
      ;;
  esac
}

wrong() { # WHAT
  echo "$script: $1" >&2
  exit 64
}

learn_option() { # NAMES VALUE INTO HELP
  local name
  case $1 in
    @*) others=${3%+} ;;
    [!-]*) operand=$3 ;;
    *) for name in $1; do into_of[$name]=$3 value_of[$name]=$2 long_of[$name]=${1%% *}; done ;;
  esac
}

# The long name that is meant; empty if it is unknown. It may be abbreviated if the script passes no options on.
whole_name() { # NAME
  local name found=()
  [[ ! ${into_of[$1]+known} ]] || found=("$1")
  if ((${#found[@]} == 0)) && [[ ! $others ]]; then
    for name in "${!into_of[@]}"; do [[ $name != "$1"* ]] || found+=("$name"); done
  fi
  ((${#found[@]} < 2)) || wrong "$1 is not unique: ${found[*]}"
  echo "${found[*]}"
}

are_flags() { # LETTERS
  local n
  for ((n = 0; n < ${#1}; n++)); do
    [[ ${into_of[-${1:n:1}]-} && ${value_of[-${1:n:1}]} != [!\[]* ]] || return
  done
}

# A word that is not in the table.
take_other() { # WORD
  [[ $others ]] || wrong "unexpected argument: $1 (--help lists the options)"
  local -n others_=$others
  others_+=("$1")
}

store_option() { # NAME [VALUE]
  local name=${long_of[$1]} into=${into_of[$1]}
  [[ $into ]] || { usage && exit 0; }
  case ${value_of[$1]} in
    N) [[ $2 =~ ^[1-9][0-9]*$ ]] || wrong "$name $2: give a number above 0" ;;
    SECONDS) [[ $2 =~ ^[0-9]+$ ]] || wrong "$name $2: give a number of seconds" ;;
  esac
  local -n array_=${into%[+*]}
  case $into in
    *+) array_+=("$name" ${2+"$2"}) ;;
    *\*) array_+=("$2") ;;
    *) printf -v "$into" %s "${2-$name}" ;;
  esac
}
