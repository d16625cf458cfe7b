-- wrk: sends the signed requests of a file in turn, over and over, with the
-- body of another file. A line is a path, a space, and headers parted by tabs.
--
-- usage: wrk -t1 ... -s signed.lua URL -- FILE BODY

local lines, body, at = {}, "", 0

function init(args)
    for line in io.lines(args[1]) do
        lines[#lines + 1] = line
    end
    local file = io.open(args[2])
    body = file:read("*a")
    file:close()
end

function request()
    at = at % #lines + 1
    local path, rest = lines[at]:match("^(%S+) (.*)$")
    local headers = { Host = "127.0.0.1" }

    for name, value in rest:gmatch("([^:\t]+): ([^\t]*)") do
        headers[name] = value
    end
    return wrk.format("POST", path, headers, body)
end
