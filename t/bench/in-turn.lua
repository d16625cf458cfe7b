-- wrk: sends the requests of a file in turn, over and over, after the START
-- first ones. A line is a path, a space, and a header as it is sent.
--
-- usage: wrk -t1 ... -s in-turn.lua URL -- FILE START

local requests, at = {}, 0

function init(args)
    for line in io.lines(args[1]) do
        local path, name, value = line:match("^(%S+) ([^:]+): (.*)$")
        requests[#requests + 1] = wrk.format("GET", path, {
            Host = wrk.headers["Host"], [name] = value })
    end
    at = tonumber(args[2])
end

function request()
    at = at % #requests + 1
    return requests[at]
end
