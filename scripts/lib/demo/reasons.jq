# The reason why a value was rejected, without the parts that differ from value to value.
[.errorCode // empty, (.message | gsub("`[^`]*`"; "`…`") | gsub("#[0-9]+"; "#…"))] | join(" ")
