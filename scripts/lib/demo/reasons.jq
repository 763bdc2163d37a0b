# The reason of a rejected value, without what differs from value to value.
[.errorCode // empty, (.message | gsub("`[^`]*`"; "`…`") | gsub("#[0-9]+"; "#…"))] | join(" ")
